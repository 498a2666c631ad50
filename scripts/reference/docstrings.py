"""Google's docstrings, taken apart.

Griffe has a parser too. It takes what stands before the first colon of `Returns:` for a type and
drops what has no colon under `Raises:`; here types stand in signatures, and nothing is dropped.
"""

import re
from dataclasses import dataclass
from textwrap import dedent

__all__ = ["Item", "Section", "sections_of", "summary_of"]

_TITLES = ("Args", "Attributes", "Returns", "Yields", "Raises")
_TITLE = re.compile(rf"^({'|'.join(_TITLES)}):$", re.MULTILINE)
_ITEM = re.compile(r"^(\*{0,2}[\w.]+(?:, [\w.]+)*): ")


@dataclass(frozen=True)
class Item:
    """An entry of a section.

    Attributes:
        names: of arguments, attributes or errors; () for words that belong to none.
        text: what is said of them.
    """

    names: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Section:
    """A part of a docstring.

    Attributes:
        title: one of Google's; "" for the text in front of the first.
        text: all that it says, without indentation.
    """

    title: str
    text: str

    def items(self) -> list[Item]:
        """The entries of `Args`, `Attributes` or `Raises`.

        One begins with each line that is not indented, but for the further lines of words that
        belong to no name.
        """
        entries: list[str] = []
        for line in self.text.splitlines():
            new = not line.startswith(" ") and (_ITEM.match(line) or _begins(entries))
            if new and line:
                entries.append(line)
            else:
                entries[-1] += f"\n{line}"
        return [_item(entry) for entry in entries]


def sections_of(docstring: str) -> list[Section]:
    """Text and sections in order; the docstring is without indentation, as griffe gives it.

    Raises:
        ValueError: a section whose text is not indented, or has text behind it.
    """
    text, *rest = _TITLE.split(docstring)
    found = [Section("", text.strip())]
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        lines = body.strip("\n").splitlines()
        if not lines or any(line and not line.startswith("    ") for line in lines):
            raise ValueError(f"expected {title}: with indented text behind it, got {body!r}")
        found.append(Section(title, dedent("\n".join(lines)).strip()))
    return found


def summary_of(docstring: str) -> str:
    """The first paragraph in one line."""
    return " ".join(docstring.strip().partition("\n\n")[0].split())


def _begins(entries: list[str]) -> bool:
    """Whether words without a name begin an entry: not if the one before has none either."""
    return not entries or _ITEM.match(entries[-1]) is not None


def _item(entry: str) -> Item:
    found = _ITEM.match(entry)
    names = tuple(found[1].split(", ")) if found else ()
    first, _, others = entry[found.end() if found else 0 :].partition("\n")
    return Item(names, f"{first}\n{dedent(others)}".strip())
