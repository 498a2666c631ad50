"""Checking that all compute the same, timing them in turns, and writing down what came of it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from typing import Any

import onnx
import onnxslim
import torch

from h2ot_edge._bars import NamedProgress
from h2ot_edge.benchmarks.bench.figures import achieved, latency_figures, latency_problems
from h2ot_edge.benchmarks.bench.models import describe_model
from h2ot_edge.benchmarks.bench.noise import judged
from h2ot_edge.benchmarks.bench.peak import measure_peak
from h2ot_edge.benchmarks.bench.provenance import without_folders
from h2ot_edge.benchmarks.bench.results import Result, Row
from h2ot_edge.benchmarks.energy import Recorder
from h2ot_edge.benchmarks.flops.cost import cost_of
from h2ot_edge.benchmarks.latency import Timed, clock_cost, in_blocks
from h2ot_edge.benchmarks.peers.checking import Checker, LeftOut, Opened
from h2ot_edge.benchmarks.peers.contenders import Contender, contenders_on
from h2ot_edge.benchmarks.peers.networks import Networks

__all__ = ["Peers"]

LEAST = 15
"""Calls of each contender at least, three a block; slow networks take a second or two a call."""

_TIMED = "single-host"

_logger = logging.getLogger(__name__)


class Peers:
    """A network and its contenders; rows of a number of threads are written when they are done.

    A number of threads whose rows are there already is not measured again.
    """

    def __init__(
        self,
        networks: Networks,
        result: Result,
        *,
        threads: Sequence[int | None],
        seconds: float,
        device: str = "cpu",
    ) -> None:
        """Say what is to be done.

        Args:
            networks: what is run.
            result: where the rows go.
            threads: numbers of CPU threads, each a run of its own; (None,) on a GPU.
            seconds: about how long each contender is timed with each.
            device: `cpu` or `cuda:N`.
        """
        self._networks, self._result = networks, result
        self._threads, self._seconds, self._device = threads, seconds, device
        self._contenders = contenders_on(networks, device)

    def run(self, progress: NamedProgress) -> None:
        """Measure everything.

        Args:
            progress: told what is being done, how much of it is done, and how much there is.

        Raises:
            H2OTError: ours cannot be run, or the file cannot be written.
        """
        self._describe()
        for threads in self._threads:
            if self._is_done(threads):
                continue
            with ExitStack() as stack:
                stack.enter_context(_torch_threads(threads))
                self._measure(stack, threads, progress)
        self._result.document["noise"] = judged(self._result.document)
        self._result.finish()

    def id_of(self, contender: Contender) -> str:
        """Of its model in the document."""
        return _id(self._networks, contender.model)

    def _describe(self) -> None:
        networks = self._networks
        files = {
            _id(networks, key): describe_model(_id(networks, key), path)
            for key, path in networks.files.items()
        }
        plain = files[_id(networks, "plain")]
        # Of course it has no card; and as it was traced not all its shapes are known.
        traced = onnx.load(networks.files["plain"])
        plain |= {"precision": "fp32", "cost": cost_of(onnxslim.slim(traced)).to_dict()}
        plain["unknown"] = []
        name = _id(networks, "pytorch")
        self._take({name: _in_pytorch(name, plain), **files})
        self._result.write()

    def _take(self, models: dict[str, Any]) -> None:
        """These are what is run; what was measured of others is of no use."""
        document = self._result.document
        before = document["models"]
        if {name: one["sha256"] for name, one in before.items()} == {
            name: one["sha256"] for name, one in models.items()
        }:
            for name, model in models.items():
                model["unknown"] = before[name]["unknown"]
        else:
            if document["rows"]:
                _logger.warning("%s: was of other models, all is measured anew", self._result.path)
            document["rows"], document["peaks"] = [], []
        document["models"] = models

    def _is_done(self, threads: int | None) -> bool:
        """Whether there is a row of every contender, or why there is none."""
        models = self._result.document["models"]
        return all(
            self._result.has(self._row(contender, threads, "latency", _TIMED)["id"])
            or any(
                why.startswith(_left_out(contender))
                for why in models[self.id_of(contender)]["unknown"]
            )
            for contender in self._contenders
        )

    def _measure(self, stack: ExitStack, threads: int | None, progress: NamedProgress) -> None:
        overhead, resolution = clock_cost()
        self._result.document["clock"] = {"overhead_ns": overhead, "resolution_ns": resolution}
        self._peak(threads)
        ready = dict(self._ready(stack, threads, progress))
        windows = self._networks.windows
        calls = {}
        for contender, opened in ready.items():
            turns = cycle([windows[at : at + 1] for at in range(len(windows))])
            calls[_key(contender)] = lambda run=opened.run, turns=turns: run(next(turns))
        with Recorder(None, device=self._device) as recorder:
            timed = in_blocks(
                calls,
                seconds=self._seconds,
                least=LEAST,
                progress=lambda *count: progress(f"timing, {_in_words(threads)}", *count),
            )
        for contender, opened in ready.items():
            self._add_latency(contender, threads, timed[_key(contender)], recorder.slowed)
            if contender.backend != "pytorch":
                self._add_accuracies(contender, threads, opened.far)

    def _peak(self, threads: int | None) -> None:
        found = measure_peak(backend="onnxruntime", device=self._device, threads=threads)
        document = self._result.document
        others = [peak for peak in document["peaks"] if peak["threads"] != threads]
        document["peaks"] = [*others, found.to_dict()]

    def _ready(
        self, stack: ExitStack, threads: int | None, progress: NamedProgress
    ) -> Iterator[tuple[Contender, Opened]]:
        """Those that can be run and compute what they should."""
        checker = Checker(self._networks, self._device)
        for number, contender in enumerate(self._contenders):
            progress(_key(contender), number, len(self._contenders))
            try:
                yield contender, checker.opened(contender, stack, threads)
            except LeftOut as why:
                self._leave_out(contender, str(why))

    def _leave_out(self, contender: Contender, why: str) -> None:
        _logger.warning("%s is left out: %s", _key(contender), why)
        unknown = self._result.document["models"][self.id_of(contender)]["unknown"]
        line = f"{_left_out(contender)}{without_folders(why)}"
        if line not in unknown:
            unknown.append(line)
        self._result.write()

    def _add_accuracies(
        self, contender: Contender, threads: int | None, far: Mapping[str, Mapping[str, Any]]
    ) -> None:
        problems = ["the weights are random, so distances say little"] * self._networks.random
        for what, figures in far.items():
            row = self._row(contender, threads, "accuracy", what)
            self._result.add(Row(**row, problems=problems, figures=figures))

    def _add_latency(
        self, contender: Contender, threads: int | None, timed: Timed, slowed: Sequence[str]
    ) -> None:
        figures = latency_figures(timed, 1)
        document = self._result.document
        model = document["models"][self.id_of(contender)]
        peak = document["peaks"][-1]["gflops"] if contender.exact else None
        figures |= achieved(figures, model["cost"]["total_gflop"], peak)
        self._result.add(
            Row(
                **self._row(contender, threads, "latency", _TIMED),
                scenario="single",
                boundary="host",
                inside=contender.inside,
                valid=not slowed,
                problems=[*slowed, *latency_problems(figures)],
                figures=figures,
            )
        )

    def _row(
        self, contender: Contender, threads: int | None, kind: str, what: str
    ) -> dict[str, Any]:
        place = f"{contender.backend}/{self._device}/{threads or 'all'}"
        return {
            "id": f"{self.id_of(contender)}/{place}/{what}",
            "kind": kind,
            "model": self.id_of(contender),
            "backend": contender.backend,
            "device": self._device,
            "threads": threads,
        }


def _id(networks: Networks, key: str) -> str:
    return f"{networks.name}-{key.replace('pruned', networks.pruning)}"


def _key(contender: Contender) -> str:
    return f"{contender.model} on {contender.backend}"


def _left_out(contender: Contender) -> str:
    return f"left out on {contender.backend}: "


def _in_words(threads: int | None) -> str:
    return "GPU" if threads is None else f"{threads} thread{'s' * (threads != 1)}"


def _in_pytorch(name: str, plain: Mapping[str, Any]) -> dict[str, Any]:
    """What is no file; the plain graph does the same arithmetic."""
    nothing = dict.fromkeys(("file", "bytes", "sha256", "card"))
    whole = {"name": name, "kind": "suite", "precision": "fp32", "cost": plain["cost"]}
    return {**nothing, **whole, "unknown": []}


@contextmanager
def _torch_threads(threads: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    # What was compiled before was so for another number; once, as all contenders stay open.
    torch.compiler.reset()
    try:
        torch.set_num_threads(threads or before)
        yield
    finally:
        torch.set_num_threads(before)
