"""Pages of Markdown."""

from reference.docstrings import Item, Section, sections_of, summary_of
from reference.links import Links, headed_members
from reference.markdown import Link, code_block, indented, text
from reference.modules import Entry, Reference, public_bases
from reference.pages import GROUPS, Page
from reference.signatures import block_of

__all__ = ["render"]

_NOTE = "<!-- Written by scripts/api_docs from the docstrings: change those, and run it again. -->"
_ABOUT = (
    "Every public name of the package, from its docstring. Shapes are in letters: `b` windows, "
    "`f` frames of a window, `t` frames of a clip, `n` clips, `j` joints, `c` channels. How to "
    "begin: [quickstart](../quickstart.md)."
)


def render(reference: Reference) -> dict[str, str]:
    """All pages, by the names of their files.

    Raises:
        ValueError: a docstring that cannot be shown; it is named.
    """
    links = Links(reference)
    files = {page.file: _page(page, reference, links) for page in reference.pages}
    return {"README.md": _index(reference), **files}


def _index(reference: Reference) -> str:
    blocks = [_NOTE, "# API reference", _ABOUT]
    for title, pages in GROUPS.items():
        blocks.append(f"## {title}")
        lines = [
            f"- [`{page.module}`]({page.file}): {_summary(reference.module(page), _nowhere)}"
            for page in pages
            if page in reference.pages
        ]
        blocks.append("\n".join(lines))
    return _joined(blocks)


def _page(page: Page, reference: Reference, links: Links) -> str:
    module = reference.module(page)
    blocks = [_NOTE, f"# `{page.module}`", *_words(module, links.of(page, module))]
    blocks.append("\n".join(_contents(page, reference, links)))
    for name, entry in reference.shown_here(page).items():
        blocks += _entry(page, name, entry, reference, links)
    if page.parts:
        for part in reference.parts(page):
            blocks += [f"## `{part.path}`", *_words(part, links.of(page, part))]
    return _joined([*blocks, "[All modules](README.md)"])


def _contents(page: Page, reference: Reference, links: Links) -> list[str]:
    """A line for each name, also for those that are shown on another page."""
    lines = []
    for name, entry in reference.shown(page).items():
        home, there = reference.home(entry)
        target = links.to(page, home.module, there)
        about = _summary(entry, links.of(page, entry))
        lines.append(f"- [`{name}`]({target})" + (f": {about}" if about else ""))
        if home == page and entry.is_class and headed_members(entry, reference):
            lines.append(f"  Has {_members(page, name, entry, reference, links)}.")
    return lines


def _members(page: Page, name: str, cls: Entry, reference: Reference, links: Links) -> str:
    names = [member.name for member in headed_members(cls, reference)]
    return ", ".join(f"[`{one}`]({links.to(page, page.module, f'{name}.{one}')})" for one in names)


def _entry(page: Page, name: str, entry: Entry, reference: Reference, links: Links) -> list[str]:
    blocks = [f"## `{name}`", code_block(block_of(entry, name))]
    if not entry.is_class:
        return blocks + _words(entry, links.of(page, entry))
    bases = public_bases(entry, reference)
    if bases:
        linked = ", ".join(_named(base, links.of(page, entry)) for base in bases)
        blocks.append(f"Bases: {linked}")
    blocks += _words(entry, links.of(page, entry, name))
    for member in headed_members(entry, reference):
        blocks += [f"### `{name}.{member.name}`", code_block(block_of(member, member.name))]
        blocks += _words(member, links.of(page, member, name))
    return blocks


def _words(entry: Entry, link: Link) -> list[str]:
    """The docstring of something."""
    if entry.docstring is None:
        return []
    try:
        sections = sections_of(entry.docstring.value)
    except ValueError as error:
        raise ValueError(f"{entry.path}: {error}") from error
    shown = [text(sections[0].text, link)] if sections[0].text else []
    for section in sections[1:]:
        shown += [f"**{section.title}**", _section(section, link)]
    return shown


def _section(section: Section, link: Link) -> str:
    if section.title in ("Returns", "Yields"):
        return text(section.text, link)
    return "\n".join(_item(item, link) for item in section.items())


def _item(item: Item, link: Link) -> str:
    words = indented(text(item.text, link)).lstrip()
    names = ", ".join(_named(name, link) for name in item.names)
    return f"- {names}: {words}" if names else f"- {words}"


def _named(name: str, link: Link) -> str:
    target = link(name)
    return f"[`{name}`]({target})" if target else f"`{name}`"


def _summary(entry: Entry, link: Link) -> str:
    return text(summary_of(entry.docstring.value), link) if entry.docstring else ""


def _nowhere(name: str) -> str | None:
    return None


def _joined(blocks: list[str]) -> str:
    return "\n\n".join(block for block in blocks if block) + "\n"
