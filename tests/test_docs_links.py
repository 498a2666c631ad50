"""Every relative link in the project's pages leads to a file, and to a heading if it names one."""

import pytest
from markdown_pages import PAGES, ROOT, anchors_of, links_of, name_of


def broken(path):
    for link in links_of(path):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        there = target.exists() and target.is_relative_to(ROOT)
        if not there or (anchor and anchor not in anchors_of(target)):
            yield link


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path):
    assert [*broken(path)] == []


def test_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b.c` (d)\n## Twice\n## Twice\n[x](#a-bc-d) [`y`](there.md#twice-1)\n"
        "![p](picture.png) [z](https://a.example) `a[0](not)`\n```text\n# no\n[n](no.md)\n```\n"
    )
    assert links_of(page) == ["#a-bc-d", "there.md#twice-1", "picture.png"]
    assert anchors_of(page) == {"a-bc-d", "twice", "twice-1"}


def test_the_pages_are_found():
    assert len(PAGES) > 50
    assert sum(len(links_of(path)) for path in PAGES) > 600


@pytest.mark.parametrize("name", ["quickstart.md", "api/README.md"])
def test_the_index_leads_to_the_beginning(name):
    assert name in links_of(ROOT / "docs" / "README.md")


def test_the_index_has_every_page():
    folder = ROOT / "docs"
    listed = {
        (folder / link.partition("#")[0]).resolve() for link in links_of(folder / "README.md")
    }
    written = {*folder.glob("*.md"), *folder.glob("models/*.md"), *folder.glob("*/README.md")}
    assert written - listed - {folder / "README.md"} == set()
