"""The generator of docs/api/, which scripts/ has; and small packages for it."""

import sys
from textwrap import dedent

from markdown_pages import ROOT

sys.path.append(str(ROOT / "scripts"))

from reference import __main__ as command
from reference.docstrings import sections_of, summary_of
from reference.markdown import text
from reference.modules import Reference
from reference.pages import GROUPS, PAGES, Page
from reference.render import render

__all__ = [
    "GROUPS", "PAGES", "Page", "Reference", "command", "pages_of", "render", "save_package",
    "sections_of", "summary_of", "text",
]  # fmt: skip


def save_package(folder, **modules):
    """A package h2ot_edge of modules, by name; `init` is that of the package."""
    package = folder / "h2ot_edge"
    package.mkdir()
    for name, code in {"init": '"""A package."""\n', **modules}.items():
        file = "__init__.py" if name == "init" else f"{name}.py"
        (package / file).write_text(dedent(code).lstrip("\n"))
    return folder


def pages_of(folder, *modules):
    """What is written for them: pages by the names of their files."""
    pages = tuple(Page(f"h2ot_edge.{name}") for name in modules)
    return render(Reference(folder, pages))
