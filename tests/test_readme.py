"""What the README and CONTRIBUTING say is true; their code runs in test_docs.py."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_map_names_files_that_are_there() -> None:
    (listed,) = re.findall(r"## Map\n\n```text\n(.*?)```", README, flags=re.DOTALL)
    paths = [line.split()[0] for line in listed.splitlines()]
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_options_that_are_mentioned_exist(document: str) -> None:
    cli = "".join(path.read_text() for path in (ROOT / "h2ot_edge" / "cli").glob("*.py"))
    text = (ROOT / document).read_text()
    commands = re.findall(r"`[^`]*`|\$ h2ot[^\n]*", text)
    options = {o for command in commands for o in re.findall(r"--[a-z][a-z-]+", command)}
    known = {"--help", *re.findall(r'"(--[a-z][a-z-]+)"', cli)}
    assert options - known == set()
