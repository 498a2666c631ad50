"""docs/api/ is what the docstrings say, and its generator shows all that they say."""

import os
import re
import subprocess
import sys

import pytest
from api_reference import (
    GROUPS,
    PAGES,
    Page,
    Reference,
    command,
    pages_of,
    render,
    save_package,
    sections_of,
    summary_of,
    text,
)  # fmt: skip
from markdown_pages import ROOT, Block, blocks_of

import h2ot_edge

FOLDER = ROOT / "docs" / "api"
NOTE = "<!-- Written by scripts/api_docs from the docstrings: change those, and run it again. -->"


@pytest.fixture(scope="module")
def wanted():
    return render(Reference(ROOT, PAGES))


def nowhere(name):
    return None


def test_the_reference_is_current(wanted):
    stale = command.stale_files(FOLDER, wanted)
    assert stale == [], f"docs/api is not what the docstrings say ({stale}): run scripts/api_docs"


def test_every_public_name_of_the_package_is_there(wanted):
    page = wanted["h2ot_edge.md"]
    missing = [name for name in h2ot_edge.__all__ if f"\n- [`{name}`](" not in page]
    assert missing == []
    headings = re.findall(r"^## `(\w+)`$", "".join(wanted.values()), re.MULTILINE)
    assert set(h2ot_edge.__all__) - set(headings) == set()


def test_a_page_for_each_module_and_a_line_in_the_index(wanted):
    assert sorted(wanted) == sorted(["README.md", *(page.file for page in PAGES)])
    for page in PAGES:
        assert f"- [`{page.module}`]({page.file}): " in wanted["README.md"]
    assert [f"\n## {title}\n" in wanted["README.md"] for title in GROUPS] == [True] * len(GROUPS)


def test_nothing_private_and_no_path_of_this_machine(wanted):
    code = [block.code for name in wanted for block in blocks_of(FOLDER / name)]
    assert len(code) > 300
    assert [words for words in code if re.search(r"\b_[A-Za-z]", words)] == []
    assert [name for name, page in wanted.items() if str(ROOT) in page] == []


def test_the_same_bytes_each_time(wanted):
    assert render(Reference(ROOT, PAGES)) == wanted


# a page as a whole

SMALL = '''
    """Things.

    Letters: t frames.
    """

    from dataclasses import dataclass
    from typing import overload

    from h2ot_edge.errors import Wrong

    __all__ = ["LIMIT", "NAMES", "Thing", "Wrong", "make"]

    LIMIT = 3
    """Most of them."""

    NAMES = ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccc")
    _HIDDEN = 5


    class _Base:
        def grow(self, by: int = _HIDDEN) -> None:
            """Grow; see `make`, `Thing.size` and docs/live.md."""

        def _secret(self) -> None: ...


    @dataclass(frozen=True, kw_only=True)
    class Thing(_Base):
        """A *thing* of size_ < 3.

            thing = Thing(size=1)

            thing.grow()

        Attributes:
            size: (t,) of it,
                in metres.
        """

        size: int = 0

        @property
        def big(self) -> bool:
            """Whether `size` is above `LIMIT`."""

        @classmethod
        async def load(cls, path: str, /, *others: str, **options: int) -> "Thing":
            """Load it.

            Raises:
                Wrong, OSError: no `path`.
                As `make`.
            """


    @overload
    def make(size: int) -> Thing: ...
    @overload
    def make(size: str, *, strict: bool = True) -> Thing: ...
    def make(size, *, strict=True):
        """Make one.

        Args:
            size: how large:
                - small
                - large
            strict: refuse `size`.

        Returns:
            What was made: a `Thing`.
        """
'''
ERRORS = '''
    """Errors."""


    class Wrong(ValueError):
        """It is wrong."""
'''
PAGE = f"""{NOTE}

# `h2ot_edge.things`

Things.

Letters: t frames.

- [`LIMIT`](#limit): Most of them.
- [`NAMES`](#names)
- [`Thing`](#thing): A \\*thing\\* of size\\_ \\< 3.
  Has [`big`](#thingbig), [`load`](#thingload), [`grow`](#thinggrow).
- [`Wrong`](errors.md#wrong): It is wrong.
- [`make`](#make): Make one.

## `LIMIT`

```python
LIMIT = 3
```

Most of them.

## `NAMES`

```python
NAMES = (
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "cccccccccccccc",
)
```

## `Thing`

```python
class Thing(*, size: int = 0)
```

A \\*thing\\* of size\\_ \\< 3.

```python
thing = Thing(size=1)

thing.grow()
```

**Attributes**

- `size`: (t,) of it,
  in metres.

### `Thing.big`

```python
big: bool
```

Whether `size` is above [`LIMIT`](#limit).

### `Thing.load`

```python
@classmethod
async def load(path: str, /, *others: str, **options: int) -> Thing
```

Load it.

**Raises**

- [`Wrong`](errors.md#wrong), `OSError`: no `path`.
- As [`make`](#make).

### `Thing.grow`

```python
def grow(by: int = ...) -> None
```

Grow; see [`make`](#make), [`Thing.size`](#thing) and [docs/live.md](../live.md).

## `make`

```python
def make(size: int) -> Thing

def make(size: str, *, strict: bool = True) -> Thing
```

Make one.

**Args**

- `size`: how large:
  - small
  - large
- `strict`: refuse `size`.

**Returns**

What was made: a [`Thing`](#thing).

[All modules](README.md)
"""


def test_a_page(tmp_path):
    pages = pages_of(save_package(tmp_path, things=SMALL, errors=ERRORS), "things", "errors")
    assert pages["things.md"] == PAGE
    assert "Bases: `ValueError`" in pages["errors.md"]


def test_a_function_whose_module_has_its_name(tmp_path):
    """And the second heading with an anchor, which has -1 behind it."""
    save_package(tmp_path, init='"""A package."""\n')
    live = tmp_path / "h2ot_edge" / "live"
    live.mkdir()
    (live / "stream.py").write_text('"""Streams."""\n\n\nclass Stream:\n    """One."""\n')
    (live / "__init__.py").write_text(
        '"""Live."""\n\nfrom h2ot_edge.live.stream import Stream\n\n'
        '__all__ = ["Stream", "stream"]\n\n\ndef stream() -> Stream:\n    """Begin one."""\n'
    )
    page = pages_of(tmp_path, "live")["live.md"]
    assert "- [`Stream`](#stream): One.\n- [`stream`](#stream-1): Begin one.\n" in page
    assert "```python\ndef stream() -> Stream\n```\n\nBegin one.\n" in page


# docstrings that cannot be shown


def message(folder, code):
    with pytest.raises(ValueError, match="expected") as caught:
        pages_of(save_package(folder, things=code), "things")
    return str(caught.value)


def test_a_section_that_is_not_indented(tmp_path):
    code = '"""Things."""\n\n\ndef make():\n    """Make.\n\n    Returns:\n    It.\n    """\n'
    assert message(tmp_path, code) == (
        "h2ot_edge.things.make: expected Returns: with indented text behind it, got '\\nIt.'"
    )


def test_a_name_that_is_not_there(tmp_path):
    assert message(tmp_path, '"""Things."""\n\n__all__ = ["lost"]\n') == (
        "h2ot_edge.things: expected a 'lost', as __all__ or scripts/reference/pages.py says, got "
        "none; correct that"
    )


# words


def test_sections():
    parts = sections_of("Text.\n\nArgs:\n    a, b: one\n        two\n    **c: three")
    assert [(part.title, len(part.items())) for part in parts[1:]] == [("Args", 2)]
    assert [(item.names, item.text) for item in parts[1].items()] == [
        (("a", "b"), "one\ntwo"), (("**c",), "three"),
    ]  # fmt: skip
    assert summary_of("One\nline.\n\nMore.") == "One line."


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a_b and _c_ and 2 * 3", "a_b and \\_c\\_ and 2 * 3"),
        ("* one\n* `two_`", "* one\n* `two_`"),
        ("an [0, 1] of [a](b)", "an [0, 1] of [a\\](b)"),
        (
            "Text:\n\n    if x:\n        y\n\nMore.",
            "Text:\n\n```python\nif x:\n    y\n```\n\nMore.",
        ),
        (">>> 1\n1", "```python\n>>> 1\n1\n```"),
        ("- a\n\n    b", "- a\n\n    b"),
    ],
)
def test_words(words, shown):
    assert text(words, nowhere) == shown


# the command


def test_the_command_writes_and_checks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "ROOT", save_package(tmp_path, errors=ERRORS))
    monkeypatch.setattr(command, "PAGES", (Page("h2ot_edge.errors"),))
    folder = tmp_path / "docs" / "api"
    assert command.main(["--check"]) == 1
    assert capsys.readouterr().err == (
        "docs/api: expected what the docstrings say, got others in README.md, errors.md; run "
        "scripts/api_docs\n"
    )
    assert not folder.exists()
    assert command.main([]) == 0
    assert capsys.readouterr().out == "2 pages, of which 2 changed\n"
    assert blocks_of(folder / "errors.md") == [Block("python", "class Wrong\n", follows=False)]
    (folder / "old.md").write_text("")
    assert command.main([]) == 0
    assert command.main(["--check"]) == 0
    assert capsys.readouterr().out == "2 pages, of which 1 changed\n"


def script(python):
    return subprocess.run(
        [ROOT / "scripts" / "api_docs", "--help"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHON": python},
    )  # fmt: skip


def test_the_script_runs():
    done = script(sys.executable)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: scripts/api_docs [-h] [--check]\n")


def test_a_python_without_the_library():
    done = script("false")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "scripts/api_docs: expected griffelib in false, got none; the extra dev brings it: pip "
        "install '.[dev]', or set PYTHON to an interpreter that has it\n"
    )
