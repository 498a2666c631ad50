"""Write docs/api/, or say whether it is current."""

import argparse
import sys
from pathlib import Path

from reference.modules import Reference
from reference.pages import PAGES
from reference.render import render

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Write the pages; files of the folder that are none of them are removed."""
    parser = argparse.ArgumentParser(prog="scripts/api_docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if not current")
    check = parser.parse_args(arguments).check
    folder = ROOT / "docs" / "api"
    wanted = render(Reference(ROOT, PAGES))
    stale = stale_files(folder, wanted)
    if check:
        if stale:
            sys.stderr.write(
                f"docs/api: expected what the docstrings say, got others in {', '.join(stale)}; "
                "run scripts/api_docs\n"
            )
        return 1 if stale else 0
    write(folder, wanted)
    sys.stdout.write(f"{len(wanted)} pages, of which {len(stale)} changed\n")
    return 0


def stale_files(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Names of files that are not as wanted, not there, or not wanted."""
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    names = sorted({*there, *wanted})
    return [name for name in names if there.get(name) != wanted.get(name)]


def write(folder: Path, wanted: dict[str, str]) -> None:
    """Make the folder hold these pages and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale_files(folder, wanted):
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()


if __name__ == "__main__":
    sys.exit(main())
