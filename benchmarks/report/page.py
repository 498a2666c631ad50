"""The page, as HTML that needs no network, as Markdown, and its plots as PNGs."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from h2ot_edge._files import write_whole
from h2ot_edge._names import require
from h2ot_edge.benchmarks.bench.results import check_document
from h2ot_edge.benchmarks.report.baseline import baseline_section
from h2ot_edge.benchmarks.report.content import Cell, Part, Picture, Section, Table
from h2ot_edge.benchmarks.report.costs import operators_section, stages_section
from h2ot_edge.benchmarks.report.curve import accuracy_section, curve_section
from h2ot_edge.benchmarks.report.drawing import drawn
from h2ot_edge.benchmarks.report.latency import cold_section, latency_section
from h2ot_edge.benchmarks.report.loads import energy_section, memory_section, streams_section
from h2ot_edge.benchmarks.report.projection import projection_section
from h2ot_edge.benchmarks.report.provenance import provenance_section
from h2ot_edge.benchmarks.report.roofline import roofline_section
from h2ot_edge.benchmarks.report.summary import summary_section
from h2ot_edge.benchmarks.report.ways import ways_of
from h2ot_edge.benchmarks.report.words import clean
from h2ot_edge.errors import InputError, UsageError

__all__ = ["sections_of", "write_report"]

Document = Mapping[str, Any]

_TEMPLATES = Path(__file__).with_name("templates")
_LONG = 36
"""Letters of a word that may be broken anywhere; what has no more stands on one line."""

_NAME = 16
"""Letters of the name of a row that stand on one line of a telephone."""

_MARKDOWN = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "\\`*_[]|#~"},
        **{"<": "&lt;", ">": "&gt;", "&": "&amp;"},
    }
)


def write_report(
    documents: Sequence[Document],
    path: Path,
    baseline: Document | None = None,
    *,
    submissions: Sequence[Document] = (),
) -> list[Path]:
    """Write what results say, the same bytes for the same results.

    Args:
        documents: results, valid by their schema; what they call models is not trusted.
        path: of the page, which ends in `.html`; beside it come the same in Markdown (`.md`) and
            each plot (`-NAME.png`).
        baseline: a result to compare each of them with.
        submissions: files of `h2ot-bench submit`, for what was measured on other devices.

    Returns:
        The files: page, Markdown, plots.

    Raises:
        InputError: a document is no result or nothing was measured in it, or has nothing in common
            with the baseline.
        UsageError: no name of a page, or a file that cannot be written.
        MissingExtra: jinja2, matplotlib or jsonschema is not installed.
    """
    if path.suffix != ".html":
        raise UsageError(f"{path}: expected a name that ends in .html for the page")
    environment = _environment()
    sections = sections_of(documents, baseline, submissions)
    pictures = {
        part.name: drawn(part)
        for section in sections
        for part in section.parts
        if isinstance(part, Picture)
    }
    known: dict[str, Any] = {"sections": sections, "pictures": pictures, "stem": path.stem}
    known["css"] = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    files = {
        file: environment.get_template(f"report{file.suffix}.j2").render(known).encode()
        for file in (path, path.with_suffix(".md"))
    }
    files |= {path.with_name(f"{path.stem}-{n}.png"): each.png for n, each in pictures.items()}
    for file, content in files.items():
        _write(file, content)
    return list(files)


def sections_of(
    documents: Sequence[Document],
    baseline: Document | None = None,
    submissions: Sequence[Document] = (),
) -> list[Section]:
    """What there is to say; what was not measured has no section.

    Raises:
        InputError: as `write_report`.
    """
    _check(documents)
    documents = [clean(document) for document in documents]
    baseline = clean(baseline)
    ways = ways_of(documents)
    found = (
        summary_section(documents, ways),
        latency_section(ways),
        cold_section(ways),
        accuracy_section(ways),
        curve_section(documents, ways),
        stages_section(ways),
        operators_section(ways),
        baseline_section(documents, baseline),
        roofline_section(documents, ways),
        streams_section(ways),
        energy_section(ways),
        memory_section(ways),
        projection_section(ways, [clean(each) for each in submissions]),
        provenance_section(documents),
    )
    return [section for section in found if section is not None]


def _check(documents: Sequence[Document]) -> None:
    if not documents:
        raise InputError("expected one or more results of h2ot-bench to report, got none")
    for number, document in enumerate(documents, 1):
        source = f"result {number} of {len(documents)}"
        check_document(document, source)
        if not (document["rows"] or document["curve"]):
            raise InputError(
                f"{source}: nothing was measured, it has no rows and no curve; run h2ot-bench "
                "again, with --resume to go on with it"
            )


def _environment() -> Any:
    jinja2 = require("jinja2", "bench")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        # By the name of the template, ours ending in .html.j2 and .md.j2.
        autoescape=lambda name: name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["groups"] = _grouped
    environment.filters["markdown"] = lambda text: text.translate(_MARKDOWN)
    environment.globals["classes"] = _classes
    environment.tests["a"] = lambda part, kind: type(part).__name__ == kind
    return environment


def _grouped(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts in their order, plots that stand together in one group."""
    return [list(group) for _, group in groupby(parts, lambda part: isinstance(part, Picture))]


def _classes(table: Table, column: int, cell: Cell) -> str | None:
    words = "words" if table.columns[column].words or not column else ""
    long = "long" if any(len(word) > _LONG for word in cell.text.split()) else ""
    brief = "brief" if words and len(cell.text) <= (_LONG if column else _NAME) else ""
    return " ".join(name for name in (words, cell.look, long, brief) if name) or None


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}); give another name with -o"
        ) from error
