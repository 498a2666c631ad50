"""Measuring models, one step after the other, each of which is written down when it is done."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from h2ot_edge._bars import NamedProgress
from h2ot_edge.benchmarks.bench.agreement import accuracy_of
from h2ot_edge.benchmarks.bench.cold import cold_start
from h2ot_edge.benchmarks.bench.figures import achieved, latency_figures, latency_problems
from h2ot_edge.benchmarks.bench.models import describe_model
from h2ot_edge.benchmarks.bench.noise import judged
from h2ot_edge.benchmarks.bench.operators import operator_times
from h2ot_edge.benchmarks.bench.options import BenchOptions
from h2ot_edge.benchmarks.bench.peak import Precision, measure_peak
from h2ot_edge.benchmarks.bench.power import drawn_by
from h2ot_edge.benchmarks.bench.results import Boundary, Document, Result, Row, Scenario
from h2ot_edge.benchmarks.bench.streams import stream_row
from h2ot_edge.benchmarks.bench.subject import Running, Subject, open_subject
from h2ot_edge.benchmarks.compare import check_in_common
from h2ot_edge.benchmarks.energy import Recorder
from h2ot_edge.benchmarks.latency import clock_cost, in_blocks
from h2ot_edge.clips import Clip
from h2ot_edge.live import LiveOptions

__all__ = ["Bench"]

MANY: Mapping[Scenario, int] = {"multi": 8, "offline": 64}
"""Windows of a query: 8 are MLPerf's, and 64 take a second of a CPU."""

_NO_ENERGY = "energy: "

Step = tuple[str, Callable[[], None]]


class Bench:
    """Models, how they are measured, and where the rows go.

    A step whose rows are there already is not done again.

    Args:
        models: by id.
        clip: what they run on.
        options: how they are measured.
        result: where rows go.
        baseline: a result that this one will be compared with.
    """

    def __init__(
        self,
        models: Mapping[str, Path],
        clip: Clip,
        options: BenchOptions,
        result: Result,
        baseline: Document | None = None,
    ) -> None:
        self._models, self._clip, self._options, self._result = models, clip, options, result
        self._baseline = baseline
        self._subjects: dict[str, Subject] = {}

    def run(self, progress: NamedProgress) -> None:
        """Measure everything.

        Args:
            progress: told each step, how many are done, and how many there are.

        Raises:
            InputError: the baseline has nothing in common with what is to be measured.
            H2OTError: as opening and running the models; rows before it are kept.
        """
        with ExitStack() as stack:
            for name, path in self._models.items():
                opened = open_subject(name, path, self._running, self._clip)
                self._subjects[name] = stack.enter_context(opened)
            self._check_streams()
            if self._baseline is not None:
                check_in_common(self._baseline, set(self._planned()))
            self._describe()
            steps = list(self._steps())
            for done, (name, step) in enumerate(steps):
                progress(name, done, len(steps))
                step()
        self._result.document["noise"] = judged(self._result.document)
        self._result.finish()

    @property
    def _running(self) -> Running:
        chosen = self._options
        return Running(backend=chosen.backend, device=chosen.device, threads=chosen.threads)

    def _check_streams(self) -> None:
        """Before anything is measured: raise for what some model cannot carry out."""
        if "stream" in self._options.scenarios:
            options = LiveOptions(lookahead=self._options.lookahead, hop=self._options.hop)
            for subject in self._subjects.values():
                if subject.engine is not None:
                    options.check(subject.engine.card)

    def _planned(self) -> Iterator[str]:
        """Ids of the rows that there will be in any case."""
        chosen = self._options
        for subject in self._subjects.values():
            names = ["cold", *(name for name in MANY if name in chosen.scenarios)]
            if "single" in chosen.scenarios:
                names += [f"single-{boundary}" for boundary in subject.boundaries]
            yield from (subject.row("latency", name)["id"] for name in names)
            if "stream" in chosen.scenarios and subject.engine is not None:
                yield from (row["id"] for row, _, _ in self._stream_rows(subject))

    def _describe(self) -> None:
        document = self._result.document
        document["models"] = {
            name: describe_model(name, path) for name, path in self._models.items()
        }
        for name, subject in self._subjects.items():
            document["models"][name]["unknown"] += subject.unknown
        overhead, resolution = clock_cost()
        document["clock"] = {"overhead_ns": overhead, "resolution_ns": resolution}
        self._result.write()

    def _steps(self) -> Iterator[Step]:
        subjects = list(self._subjects.values())
        yield "peaks", self._peaks
        for subject in subjects:
            yield f"{subject.id}, cold start", partial(self._cold, subject)
        if "single" in self._options.scenarios:
            yield "single windows", self._single
            for subject in subjects:
                yield f"{subject.id}, energy", partial(self._energy, subject)
        for scenario, windows in MANY.items():
            if scenario in self._options.scenarios:
                for subject in subjects:
                    step = partial(self._many, subject, scenario, windows)
                    yield f"{subject.id}, {scenario}", step
        for subject in subjects:
            yield f"{subject.id}, operators", partial(self._operators, subject)
            yield f"{subject.id}, accuracy", partial(self._accuracy, subject)
            if "stream" in self._options.scenarios and subject.engine is not None:
                yield f"{subject.id}, streams", partial(self._streams, subject)

    def _peaks(self) -> None:
        """Of every way in which models are run here, once."""
        document = self._result.document
        if document["peaks"]:
            return
        ways = {
            (*self._way(subject), self._precision(subject)) for subject in self._subjects.values()
        }
        document["peaks"] = [
            measure_peak(
                backend=name, device=device, threads=threads, precision=precision
            ).to_dict()
            for name, device, threads, precision in sorted(ways, key=str)
        ]
        self._result.write()

    def _way(self, subject: Subject) -> tuple[str, str, int | None]:
        return subject.backend.name, subject.backend.device, subject.threads

    def _precision(self, subject: Subject) -> Precision:
        """Of its products; of a model without a card float32, as its input."""
        found: Precision = self._result.document["models"][subject.id]["precision"] or "fp32"
        return found

    def _cold(self, subject: Subject) -> None:
        row = subject.row("cold", "cold")
        if not self._result.has(row["id"]):
            figures = cold_start(
                self._models[subject.id],
                backend=subject.backend.name,
                device=subject.backend.device,
                threads=subject.threads,
            )
            inside = "import: of the library and h2ot_edge; load: to an open model; first call"
            self._result.add(Row(**row, inside=inside, figures=figures))

    def _single(self) -> None:
        """All models and boundaries in one run, so that they can be compared."""
        rows: dict[str, tuple[Subject, Boundary]] = {}
        for subject in self._subjects.values():
            for boundary in subject.boundaries:
                rows[subject.row("latency", f"single-{boundary}")["id"]] = subject, boundary
        if all(self._result.has(name) for name in rows):
            return
        calls = {name: subject.call(boundary) for name, (subject, boundary) in rows.items()}
        device = max(subject.backend.device for subject, _ in rows.values())
        with Recorder(None, device=device) as recorder:
            timed = in_blocks(
                calls, seconds=self._options.seconds, group_of=lambda name: rows[name][0].id
            )
        slowed = recorder.slowed
        for name, (subject, boundary) in rows.items():
            figures = latency_figures(timed[name], subject.windows_in(boundary))
            self._add_latency(subject, f"single-{boundary}", boundary, "single", figures, slowed)

    def _many(self, subject: Subject, scenario: Scenario, windows: int) -> None:
        row = subject.row("latency", scenario)
        if self._result.has(row["id"]):
            return
        with Recorder(None, device=subject.backend.device) as recorder:
            calls = {"many": subject.many(windows)}
            timed = in_blocks(calls, seconds=self._options.seconds, least=10)["many"]
        figures = latency_figures(timed, subject.rounded(windows))
        self._add_latency(subject, scenario, "host", scenario, figures, recorder.slowed)

    def _add_latency(
        self,
        subject: Subject,
        what: str,
        boundary: Boundary,
        scenario: Scenario,
        figures: dict[str, Any],
        slowed: tuple[str, ...],
    ) -> None:
        figures |= self._achieved(subject, figures)
        row = subject.row("latency", what)
        self._result.add(
            Row(
                **row,
                scenario=scenario,
                boundary=boundary,
                inside=subject.inside(boundary),
                valid=not slowed,
                problems=[*slowed, *latency_problems(figures)],
                figures=figures,
            )
        )

    def _achieved(self, subject: Subject, figures: Mapping[str, Any]) -> dict[str, float | None]:
        model = self._result.document["models"][subject.id]
        if model["cost"] is None:
            return {}
        way = (*self._way(subject), self._precision(subject))
        peaks = [
            peak["gflops"]
            for peak in self._result.document["peaks"]
            if tuple(peak[name] for name in ("backend", "device", "threads", "precision")) == way
        ]
        return achieved(figures, model["cost"]["total_gflop"], peaks[0] if peaks else None)

    def _energy(self, subject: Subject) -> None:
        """Behind the timing, which a thread that reads sensors would disturb."""
        name = subject.row("latency", f"single-{subject.of_energy}")["id"]
        row = next((row for row in self._result.document["rows"] if row["id"] == name), None)
        if row is None or row["figures"]["energy"] is not None:
            return
        found = drawn_by(subject, self._options.seconds)
        energy = None if found.energy is None else found.energy.to_dict()
        why = [f"{_NO_ENERGY}{found.why}"] if found.why else []
        # Of a run before this one the reason may have passed.
        known = [told for told in row["problems"] if not told.startswith(_NO_ENERGY)]
        problems = list(dict.fromkeys([*known, *why, *found.throttled]))
        changed = {"figures": {**row["figures"], "energy": energy}, "problems": problems}
        self._result.add(Row(**{**row, **changed, "valid": row["valid"] and not found.throttled}))

    def _operators(self, subject: Subject) -> None:
        row = subject.row("operators", "operators")
        if self._result.has(row["id"]):
            return
        figures = operator_times(
            self._models[subject.id],
            backend=subject.backend.name,
            device=subject.backend.device,
            threads=subject.threads,
            windows=subject.windows[: subject.batch],
        )
        if figures is not None:
            self._result.add(Row(**row, inside="each operator by itself", figures=figures))

    def _accuracy(self, subject: Subject) -> None:
        row = subject.row("accuracy", "accuracy")
        if self._result.has(row["id"]):
            return
        others = [one for one in self._subjects.values() if one is not subject]
        figures = accuracy_of(subject, others, self._options.data, self._options.protocol)
        if figures is not None:
            self._result.add(Row(**row, figures=figures))

    def _streams(self, subject: Subject) -> None:
        for row, rate, people in self._stream_rows(subject):
            if not self._result.has(row["id"]):
                self._result.add(stream_row(subject, row, self._options, rate, people))

    def _stream_rows(self, subject: Subject) -> Iterator[tuple[dict[str, Any], float, int]]:
        """How each is named, with its rate and its number of people."""
        for rate, people in product(self._options.rates_hz, self._options.people):
            yield subject.row("stream", f"stream-{rate:g}hz-{people}"), rate, people
