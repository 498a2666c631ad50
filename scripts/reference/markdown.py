"""Words of docstrings as Markdown of the CommonMark kind, as GitHub and others show it."""

import re
from collections.abc import Callable

__all__ = ["Link", "code_block", "indented", "slug", "text"]

Link = Callable[[str], str | None]
"""Where a name leads; None for nowhere."""

_SPECIAL = re.compile(r"[<~$]|\](?=[(\[:])|(?<=\S)\*|\*(?=\S)|\b_|_\b")
"""What could be taken for markup; an underscore inside a word or a star between blanks is none."""
_CODE = re.compile(r"(`+[^`]+`+)")
_NAME = re.compile(r"`([A-Za-z_][\w.]*)(?:\(.*)?`", re.DOTALL)
_PAGE = re.compile(r"\bdocs/([\w/]+\.md)\b")
_LIST = re.compile(r" *([-*]|\d+\.) ")


def code_block(code: str, language: str = "python") -> str:
    """Code between fences."""
    return f"```{language}\n{code}\n```"


def indented(block: str) -> str:
    """A block as what belongs to the list's item in front of it."""
    return "\n".join(f"  {line}" if line else "" for line in block.splitlines())


def slug(heading: str) -> str:
    """The anchor of a heading, by GitHub's rule."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def text(words: str, link: Link) -> str:
    """Text of a docstring: paragraphs, lists, and code that is indented or has `>>>`."""
    blocks: list[str] = []
    behind_list = False
    for paragraph in re.split(r"\n(?:[ \t]*\n)+", words):
        code = _code_of(paragraph, behind_list)
        if code is None:
            behind_list = bool(_LIST.match(paragraph)) or (behind_list and paragraph[0] == " ")
            blocks.append(_prose(paragraph, link))
        elif blocks and blocks[-1].startswith("```python"):
            blocks[-1] = code_block(f"{blocks[-1][10:-4]}\n\n{code}")
        else:
            blocks.append(code_block(code))
    return "\n\n".join(blocks)


def _code_of(paragraph: str, behind_list: bool) -> str | None:
    lines = paragraph.splitlines()
    if paragraph.startswith(">>> "):
        return paragraph
    if not behind_list and all(line.startswith("    ") for line in lines):
        return "\n".join(line[4:] for line in lines)
    return None


def _prose(paragraph: str, link: Link) -> str:
    parts = _CODE.split(paragraph)
    parts[::2] = [_plain(part) for part in parts[::2]]
    parts[1::2] = [_linked(part, link) for part in parts[1::2]]
    return "".join(parts)


def _plain(words: str) -> str:
    pieces = _PAGE.split(words)
    pieces[::2] = [_SPECIAL.sub(r"\\\g<0>", piece) for piece in pieces[::2]]
    pieces[1::2] = [f"[docs/{page}](../{page})" for page in pieces[1::2]]
    return "".join(pieces)


def _linked(code: str, link: Link) -> str:
    name = _NAME.fullmatch(code)
    target = link(name[1]) if name else None
    return f"[{code}]({target})" if target else code
