"""What there is to show: modules read by griffe, without running them."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import griffe

from reference.pages import Page

__all__ = ["Entry", "Reference", "members_of", "public_bases"]

Entry = griffe.Object
"""A module, class, function or attribute."""


class Reference:
    """Pages, what is on them, and where a name leads.

    Every name is shown once: on the page of the module that defines it, or if that has none, on
    the first page that exports it. Other pages that export it have a link.

    Args:
        root: folder of the package.
        pages: in order.
    """

    def __init__(self, root: Path, pages: Sequence[Page]) -> None:
        # Only the code is read, so any Python that has griffe gives the same, with no extras.
        self._package = griffe.load(
            "h2ot_edge",
            search_paths=[root],
            try_relative_path=False,
            allow_inspection=False,
            resolve_aliases=True,
        )
        self.pages = pages
        self._by_module = {page.module: page for page in pages}
        self._homes = dict(reversed([*self._claims()]))

    def module(self, page: Page) -> Entry:
        """The module of a page."""
        return self._at(page.module)

    def shown(self, page: Page) -> dict[str, Entry]:
        """What a page exports, whether it is shown there or elsewhere."""
        return {name: self._own(page.module, name) for name in self._names(page)}

    def shown_here(self, page: Page) -> dict[str, Entry]:
        """What is shown on a page."""
        found = self.shown(page).items()
        return {name: entry for name, entry in found if self.home(entry) == (page, name)}

    def home(self, entry: Entry) -> tuple[Page, str]:
        """The page on which something is shown, and its name there."""
        return self._homes[entry.path]

    def has(self, entry: Entry) -> bool:
        """Whether something is shown."""
        return entry.path in self._homes

    def parts(self, page: Page) -> list[Entry]:
        """The readers of a package, by name: its modules that export a `read_...`."""
        members = self.module(page).members.values()
        found = [member for member in members if not member.is_alias and _reads(member)]
        return sorted(cast(list[Entry], found), key=lambda entry: entry.name)

    def _claims(self) -> Iterator[tuple[str, tuple[Page, str]]]:
        """Homes of paths, the best first; the page of the package comes after all others."""
        found = [
            (entry.path, (page, name))
            for page in sorted(self.pages, key=lambda page: "." not in page.module)
            for name, entry in self.shown(page).items()
        ]
        yield from (claim for claim in found if claim[0].rpartition(".")[0] == claim[1][0].module)
        yield from found

    def _names(self, page: Page) -> list[str]:
        module = self.module(page)
        if page.only:
            return list(page.only)
        if module.exports is not None:
            return [str(name) for name in module.exports]
        members = module.members.values()
        return [m.name for m in members if not (m.is_alias or m.is_module or m.name[0] == "_")]

    def _at(self, path: str) -> Entry:
        if path == "h2ot_edge":
            return cast(Entry, self._package)
        return cast(Entry, self._package[path.removeprefix("h2ot_edge.")])

    def _own(self, module: str, name: str) -> Entry:
        try:
            member: Any = self._at(f"{module}.{name}")
        except KeyError as error:
            raise ValueError(
                f"{module}: expected a {name!r}, as __all__ or scripts/reference/pages.py says, "
                "got none; correct that"
            ) from error
        if member.is_module:
            # A function whose module has its name: griffe keeps the module.
            return cast(Entry, _visited(self._at(module))[name])
        return cast(Entry, member.final_target if member.is_alias else member)


def _reads(entry: Any) -> bool:
    return entry.is_module and any(str(name).startswith("read_") for name in entry.exports or ())


@cache
def _visited(module: Any) -> Any:
    code = module.filepath.read_text(encoding="utf-8")
    return griffe.visit(module.name, module.filepath, code, parent=module.parent).members


def members_of(cls: Any, reference: Reference) -> list[Entry]:
    """Public members in the order of the source, with those of bases that have no entry."""
    found: dict[str, Entry] = {}
    for owner in (cls, *(base for base in cls.mro() if not reference.has(base))):
        for name, member in owner.members.items():
            if not (name.startswith("_") or member.is_alias):
                found.setdefault(name, member)
    return list(found.values())


def public_bases(cls: Any, reference: Reference) -> list[str]:
    """Names of the bases that tell a reader something: those that are shown, and builtins."""
    shown = {base.name for base in cls.mro() if reference.has(base)}
    return [name for name in map(str, cls.bases) if name in shown or name.endswith(("Error",))]
