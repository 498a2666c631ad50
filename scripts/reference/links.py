"""Headings of the pages, their anchors, and where a name in a docstring leads."""

from collections import Counter
from collections.abc import Iterator

import griffe

from reference.docstrings import sections_of
from reference.markdown import Link, slug
from reference.modules import Entry, Reference, members_of
from reference.pages import Page

__all__ = ["Links", "attributes_of", "headed_members"]


class Links:
    """Where names lead, by the anchors that GitHub gives to headings."""

    def __init__(self, reference: Reference) -> None:
        self._targets = {page.module: (page.file, "") for page in reference.pages}
        self._attributes: dict[str, tuple[str, str]] = {}
        self._by_name: dict[str, set[tuple[str, str]]] = {}
        for page in reference.pages:
            used = Counter([slug(page.module)])
            for name, entry in reference.shown_here(page).items():
                for full in _headings(name, entry, reference):
                    self._add(page, full, _anchor(full, used))
                for one in attributes_of(entry):
                    self._attributes[f"{name}.{one}"] = self._targets[f"{page.module}.{name}"]

    def to(self, page: Page, module: str, name: str) -> str:
        """The link from a page to what is shown on that of `module`."""
        return _path(self._targets[f"{module}.{name}"], page)

    def of(self, page: Page, entry: Entry, owner: str | None = None) -> Link:
        """Where the words of one docstring lead: to its neighbours, or to what has one meaning."""
        own = {one.name for one in getattr(entry, "parameters", ())} | attributes_of(entry)

        def link(name: str) -> str | None:
            paths = (f"{page.module}.{owner}.{name}", f"{page.module}.{name}", name)
            found = [self._targets[path] for path in paths if path in self._targets]
            found.extend(self._attributes[one] for one in [name] if one in self._attributes)
            if name[0].isupper() and len(self._by_name.get(name, ())) == 1:
                found.extend(self._by_name[name])
            return None if name in own or not found else _path(found[0], page)

        return link

    def _add(self, page: Page, name: str, anchor: str) -> None:
        target = (page.file, anchor)
        self._targets[f"{page.module}.{name}"] = target
        self._by_name.setdefault(name, set()).add(target)


def attributes_of(entry: Entry) -> set[str]:
    """What the docstring of a class has under `Attributes`."""
    if not entry.is_class or entry.docstring is None:
        return set()
    sections = sections_of(entry.docstring.value)
    items = [item for part in sections if part.title == "Attributes" for item in part.items()]
    return {name for item in items for name in item.names}


def headed_members(cls: Entry, reference: Reference) -> list[Entry]:
    """Members with a heading of their own: all that neither docstring nor signature tells of."""
    told = attributes_of(cls)
    maker = cls.all_members.get("__init__")
    if isinstance(maker, griffe.Function) and "dataclass" in cls.labels:
        told |= {one.name for one in maker.parameters}
    return [member for member in members_of(cls, reference) if member.name not in told]


def _headings(name: str, entry: Entry, reference: Reference) -> Iterator[str]:
    yield name
    if entry.is_class:
        yield from (f"{name}.{one.name}" for one in headed_members(entry, reference))


def _anchor(heading: str, used: Counter[str]) -> str:
    """A heading's anchor: the second of a kind has -1 behind it, the third -2."""
    anchor = slug(heading)
    used[anchor] += 1
    return anchor if used[anchor] == 1 else f"{anchor}-{used[anchor] - 1}"


def _path(target: tuple[str, str], page: Page) -> str:
    file, anchor = target
    if file == page.file:
        return f"#{anchor}"
    return f"{file}#{anchor}" if anchor else file
