"""Whether a contender can be run, and computes what it should, before it is timed."""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.millimetres import millimetres_per_unit
from h2ot_edge.benchmarks.peers.contenders import Contender, Run, eager
from h2ot_edge.benchmarks.peers.networks import Networks
from h2ot_edge.engines.precision.lowering import INT8_DRIFT_MM
from h2ot_edge.errors import OutputError

__all__ = ["FLOAT_LIMIT_MM", "Checker", "LeftOut", "Opened"]

FLOAT_LIMIT_MM = 0.1
"""Mean distance from PyTorch's poses from which a float32 contender computes something else."""

Poses = NDArray[Any]


class LeftOut(Exception):
    """A contender is not timed; the message says why."""


class Checker:
    """What PyTorch gives, and how far others are from it.

    Raises:
        OutputError: PyTorch gives NaN or infinity.
    """

    def __init__(self, networks: Networks, device: str) -> None:
        self._networks = networks
        self._expected = {
            pruned: self._outputs(eager(networks.pruned if pruned else networks.plain, device))
            for pruned in (False, True)
        }
        if not all(np.isfinite(poses).all() for poses in self._expected.values()):
            raise OutputError(
                f"{networks.name}: in PyTorch its poses are not finite, so there is nothing to "
                "compare others with; use other weights"
            )

    def opened(self, contender: Contender, stack: ExitStack, threads: int | None) -> "Opened":
        """A contender that computes what it should, ready to be timed.

        Args:
            contender: which.
            stack: closes it.
            threads: of a call.

        Raises:
            LeftOut: somebody else's library is missing or fails, or it computes something else.
            H2OTError: this project's way fails.
        """
        try:
            run = contender.open(stack, threads)
            poses = self._outputs(run)
        except Exception as error:  # libraries of others raise what they like
            if contender.ours:
                raise
            first = str(error).strip().partition("\n")[0] or type(error).__name__
            raise LeftOut(first[:300]) from error
        opened = Opened(run, dict(self._distances(contender, poses)))
        self._check(contender, opened.far["accuracy"]["mean_mm"])
        return opened

    def _check(self, contender: Contender, mean_mm: float) -> None:
        if not math.isfinite(mean_mm):
            raise LeftOut("refused: its poses are not finite, or not of the shape of PyTorch's")
        limit = FLOAT_LIMIT_MM if contender.exact else INT8_DRIFT_MM
        # How far 8 bits drift says little of random weights.
        if mean_mm > limit and (contender.exact or not self._networks.random):
            raise LeftOut(
                f"refused: it computes something else, its poses are {mean_mm:.3g} mm from those "
                f"of PyTorch on average, and {limit:g} mm are allowed"
            )

    def _distances(self, contender: Contender, poses: Poses) -> Iterator[tuple[str, Any]]:
        told = "the same network in PyTorch"
        yield "accuracy", self._distance(told, poses, self._expected[contender.pruned])
        if contender.pruned:
            weights = ", which has other weights" if self._networks.own_weights else ""
            told = f"the unpruned network in PyTorch{weights}"
            yield "accuracy-unpruned", self._distance(told, poses, self._expected[False])

    def _distance(self, reference: str, poses: Poses, expected: Poses) -> dict[str, Any]:
        """Figures of kind `accuracy`; NaN if the poses cannot be compared."""
        mean = worst = math.nan
        if poses.shape == expected.shape and np.isfinite(poses).all():
            far = np.linalg.norm(poses.astype(np.float64) - expected, axis=-1)
            far *= millimetres_per_unit(expected, self._networks.card.output.unit)
            mean, worst = float(far.mean()), float(far.max())
        nothing = dict.fromkeys(("mpjpe_mm", "p_mpjpe_mm", "data"))
        counted = {"windows": len(poses), "kept": 0, "kept_differ": 0}
        return {"reference": reference, "mean_mm": mean, "worst_mm": worst, **counted, **nothing}

    def _outputs(self, run: Run) -> Poses:
        windows = self._networks.windows
        parts = [np.asarray(run(windows[at : at + 1])) for at in range(len(windows))]
        return np.concatenate(parts)


class Opened:
    """A contender that may be timed.

    Attributes:
        run: it.
        far: figures of kind `accuracy`: `accuracy`, from the same network in PyTorch, and of a
            pruned one `accuracy-unpruned`, from the unpruned one.
    """

    def __init__(self, run: Run, far: Mapping[str, Mapping[str, Any]]) -> None:
        self.run, self.far = run, far
