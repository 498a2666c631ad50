"""Which frame tokens are pruned where, and how they come back: the plan of one export."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from h2ot_edge.errors import ScheduleError, UsageError

MAX_TOP_K = 3840
"""TensorRT's TopK takes no more (ITopKLayer, headers of 8.6 to 11.1)."""

Mode = Literal["seq2seq", "seq2frame"]


@dataclass(frozen=True, kw_only=True)
class TokenPlan:
    """What happens to the frame tokens of a window.

    Attributes:
        frames: window length f.
        schedule: block index -> frames kept from that block on, strictly decreasing.
        prune: name of the pruner, `none` for an unpruned network.
        recover: name of the recoverer, `none` where f poses need not come back.
        mode: `seq2seq` gives f poses, `seq2frame` the centre frame's.
    """

    frames: int
    schedule: Mapping[int, int] = field(default_factory=dict)
    prune: str = "none"
    recover: str = "none"
    mode: Mode = "seq2seq"

    @property
    def centre(self) -> int:
        """The frame a seq2frame network answers for."""
        return (self.frames - 1) // 2

    @property
    def kept(self) -> int:
        """Frames left after the last step."""
        return min(self.schedule.values(), default=self.frames)

    def check(self, depth: int) -> None:
        """Check the plan against a backbone of `depth` blocks.

        Raises:
            ScheduleError: if a step cannot be carried out.
            UsageError: if pruning, recovery and mode contradict each other.
        """
        self._check_names()
        previous = self.frames
        for block, keep in sorted(self.schedule.items()):
            self._check_step(block, keep, previous, depth)
            previous = keep

    def _check_names(self) -> None:
        if (self.prune == "none") != (not self.schedule):
            raise UsageError(
                f"pruner {self.prune!r} and schedule {format_schedule(self.schedule)!r} do not "
                "belong together; give both --prune and --keep, or --prune none alone"
            )
        wanted = self.prune != "none" and self.mode == "seq2seq"
        if wanted and self.recover == "none":
            raise UsageError(
                "a pruned seq2seq model must recover its frames; choose --recover tra, tri or "
                "nearest, or --mode seq2frame"
            )
        if not wanted and self.recover != "none":
            why = (
                "nothing is pruned" if self.prune == "none" else "seq2frame keeps the centre frame"
            )
            raise UsageError(f"--recover {self.recover} has nothing to do: {why}; leave it out")

    def _check_step(self, block: int, keep: int, previous: int, depth: int) -> None:
        if not 0 <= block < depth:
            raise ScheduleError(
                f"schedule step {block}:{keep}: expected a block from 0 to {depth - 1}, got {block}"
            )
        if not 1 <= keep <= MAX_TOP_K:
            raise ScheduleError(
                f"schedule step {block}:{keep}: expected 1 to {MAX_TOP_K} kept frames "
                f"(TensorRT's TopK takes no more), got {keep}"
            )
        if keep >= previous:
            raise ScheduleError(
                f"schedule step {block}:{keep}: expected fewer than the {previous} frames that "
                f"are there before block {block}, got {keep}"
            )


def parse_schedule(text: str) -> dict[int, int]:
    """Read `BLOCK:K[,BLOCK:K...]`.

    Raises:
        ScheduleError: if `text` is anything else, or names a block twice.
    """
    schedule: dict[int, int] = {}
    for step in text.split(","):
        block, colon, keep = step.strip().partition(":")
        if not (colon and block.isdecimal() and keep.isdecimal()):
            raise ScheduleError(
                f"schedule {text!r}: expected BLOCK:K[,BLOCK:K...] such as 1:121,3:81, "
                f"got {step.strip()!r}"
            )
        if int(block) in schedule:
            raise ScheduleError(f"schedule {text!r}: block {int(block)} is named twice")
        schedule[int(block)] = int(keep)
    return schedule


def format_schedule(schedule: Mapping[int, int]) -> str:
    """The inverse of `parse_schedule`."""
    return ",".join(f"{block}:{keep}" for block, keep in sorted(schedule.items()))
