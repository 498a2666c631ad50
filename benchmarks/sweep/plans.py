"""Which token plans a sweep goes through."""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from h2ot_edge import zoo
from h2ot_edge._files import sha256_of
from h2ot_edge._names import look_up, unknown
from h2ot_edge.benchmarks.accuracy import PROTOCOLS
from h2ot_edge.benchmarks.accuracy.protocols import ProtocolOptions
from h2ot_edge.benchmarks.bench.provenance import named_content
from h2ot_edge.benchmarks.bench.subject import Running
from h2ot_edge.errors import ScheduleError, UsageError
from h2ot_edge.export.options import ExportOptions, choose_plan, preset_plan
from h2ot_edge.export.tokens import (
    PRUNERS,
    RECOVERERS,
    TokenPlan,
    format_schedule,
    parse_schedule,
)

__all__ = [
    "Schedule",
    "SweepOptions",
    "identity",
    "in_words",
    "parse_keeps",
    "unpruned",
    "usual_keeps",
]

Schedule = Mapping[int, int]

_STEPS = re.compile(r"[0-9]+:[0-9]+(\+[0-9]+:[0-9]+)*")
_PARTS = (2, 3, 6, 9)
"""Of the window that stay, one in so many."""


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """See `h2ot-bench sweep --help`.

    Attributes:
        base: the unpruned network, and how each one is exported.
        prune, keep, recover: every combination of these is a point; no `recover` stands for the
            default of the network's mode.
        running: how models run.
        seconds: about how long each is timed.
        data: files with the truth, for MPJPE; without them it is drift.
        protocol: how they are read; see `h2ot-eval`.
    """

    base: ExportOptions
    prune: tuple[str, ...]
    keep: tuple[Schedule, ...]
    recover: tuple[str, ...] = ()
    running: Running = field(default_factory=Running)
    seconds: float = 2.0
    data: tuple[Path, ...] = ()
    protocol: str = "cmu"

    def check(self) -> None:
        """Raise for what cannot be carried out, whatever the network.

        Raises:
            UnknownName: no such pruner or recoverer.
            UsageError: the unpruned network is asked for as a point, a name is there twice, or
                the time is none.
            InputError: the data are not what the protocol reads.
        """
        if not 0 < self.seconds < math.inf:
            raise UsageError(f"--seconds: expected a finite number above 0, got {self.seconds:g}")
        for option, names in (("--prune", self.prune), ("--recover", self.recover)):
            for name in names:
                if names.count(name) > 1:
                    raise UsageError(f"{option} {','.join(names)}: {name} is there twice")
        if "none" in self.prune:
            raise UsageError(
                "--prune none: the unpruned network is measured in any case; leave it out"
            )
        for name in self.prune:
            look_up("pruner", name, PRUNERS)
        for name in self.recover:
            if name not in (*RECOVERERS, "none"):
                raise unknown("recoverer", name, (*RECOVERERS, "none"))
        chosen = look_up("protocol", self.protocol, PROTOCOLS)
        if self.data:  # better to know before the work than after it
            chosen.read(self.data, chosen.resolved(ProtocolOptions()))

    def combinations(self) -> Iterator[ExportOptions]:
        """What is exported besides the unpruned network; perhaps it cannot be."""
        family, blank = self.base.family, self.base.plan
        for prune, keep, recover in itertools.product(
            self.prune, self.keep, self.recover or (None,)
        ):
            plan = choose_plan(
                family,
                blank.frames,
                prune=prune,
                schedule=dict(keep),
                recover=recover,
                mode=blank.mode,
            )
            yield replace(self.base, plan=plan)

    def to_settings(self) -> dict[str, Any]:
        """As `settings` of a result; files by their last part, a checkpoint by its content."""
        return {
            "sweep": {
                "prune": list(self.prune),
                "keep": [format_schedule(keep) for keep in self.keep],
                "recover": list(self.recover),
            },
            "network": identity(self.base),
            **vars(self.running),
            "seconds": self.seconds,
            "data": [named_content(path) for path in self.data],
            "protocol": self.protocol,
        }


def identity(base: ExportOptions) -> dict[str, Any]:
    """What two curves must have in common to be of one network."""
    path = base.checkpoint
    return {
        "backbone": base.backbone,
        "variant": base.variant,
        "frames": base.plan.frames,
        "mode": base.plan.mode,
        "opset": base.opset,
        "flip_tta": base.flip_tta,
        "random": base.random,
        "checkpoint": sha256_of(path) if path is not None and path.is_file() else None,
    }


def parse_keeps(text: str) -> tuple[Schedule, ...]:
    """Read schedules with commas between them, each `BLOCK:K[+BLOCK:K...]`.

    Raises:
        ScheduleError: if `text` is anything else, or names something twice.
    """
    found: list[Schedule] = []
    for part in text.split(","):
        steps = part.strip()
        if not _STEPS.fullmatch(steps):
            raise ScheduleError(
                f"--keep {text}: expected BLOCK:K[+BLOCK:K...] between commas, as in 1:27,1:9 for "
                f"two points of one step each and 0:27+1:9 for one of two steps, got {steps!r}"
            )
        schedule = parse_schedule(steps.replace("+", ","))
        if schedule in found:
            raise ScheduleError(f"--keep {text}: {steps} is there twice")
        found.append(schedule)
    return tuple(found)


def unpruned(options: ExportOptions) -> ExportOptions:
    """The same network with all its frames."""
    plan = TokenPlan(frames=options.plan.frames, mode=options.plan.mode)
    return replace(options, plan=plan, with_kept=False)


def usual_keeps(base: ExportOptions) -> tuple[Schedule, ...]:
    """Schedules to try where none are named.

    A half to a ninth of the window from the first block on, and from the one on that the
    backbone's published pruning has; the preset `h2ot`; and what models that ship were trained
    with.
    """
    family, blank = base.family, base.plan
    blocks = sorted({0, family.hot_block})
    steps: list[Schedule] = [
        {block: max(1, blank.frames // part)} for block in blocks for part in _PARTS
    ]
    steps.append(preset_plan(family, "h2ot", blank).schedule)
    steps += [
        model.card.schedule
        for model in zoo.models().values()
        if (model.card.backbone, model.card.variant) == (base.backbone, base.variant)
        if (model.card.frames, model.card.prune) == (blank.frames, "tps")
    ]
    return tuple(
        schedule
        for number, schedule in enumerate(steps)
        if schedule not in steps[:number] and _falls(blank.frames, schedule)
    )


def in_words(prune: str, keep: str, recover: str) -> str:
    """A plan in a few words, as options have it."""
    if prune == "none":
        return "unpruned"
    return " ".join([prune, keep, *([recover] if recover != "none" else [])])


def _falls(frames: int, schedule: Schedule) -> bool:
    """Whether each step leaves fewer frames than there were."""
    left: Sequence[int] = [frames, *(schedule[block] for block in sorted(schedule))]
    return all(later < before for before, later in itertools.pairwise(left))
