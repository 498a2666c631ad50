"""The project's pages of Markdown: code blocks, headings, links."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# What docs/api/ shows comes from docstrings, which do not say what their names are.
WRITTEN = [path for path in PAGES if path.parent != ROOT / "docs" / "api"]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.*)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """Code between fences; `follows` if only blank lines are between it and the one before."""

    language: str
    code: str
    follows: bool


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def blocks_of(path):
    """All code blocks of a page, in order."""
    text, end, found = path.read_text(), 0, []
    for match in _BLOCK.finditer(text):
        found.append(Block(match[1], match[2], not text[end : match.start()].strip()))
        end = match.end()
    return found


def commands_in(block):
    """Lines behind `$` of a console block, continued ones as one, without comments."""
    if block.language != "console":
        return []
    lines = block.code.replace("\\\n", " ").splitlines()
    return [re.split(r"\s+#", line[2:])[0].strip() for line in lines if line.startswith("$ ")]


def prose_of(path):
    """A page without its code blocks."""
    return _BLOCK.sub("", path.read_text())


def anchors_of(path):
    """What GitHub calls the headings of a page: the second of a kind has -1 behind it."""
    used, anchors = Counter(), set()
    for heading in _HEADING.findall(prose_of(path)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip()
        anchor = "".join(c for c in words.lower() if c.isalnum() or c in " -_").replace(" ", "-")
        anchors.add(f"{anchor}-{used[anchor]}" if used[anchor] else anchor)
        used[anchor] += 1
    return anchors


def links_of(path):
    """Targets of the links and pictures of a page that are no addresses."""
    text = re.sub(r"`[^`]+`", "code", prose_of(path))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]
