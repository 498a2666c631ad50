"""What a model's errors are on clips, and their means."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2ot_edge.benchmarks.accuracy.metrics import METRICS
from h2ot_edge.errors import InputError
from h2ot_edge.skeleton import JOINTS

__all__ = ["Accuracy", "ClipErrors", "Figures"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ClipErrors:
    """A model's errors on one clip.

    Attributes:
        name, subject, action: the clip's.
        frames: t.
        digest: of the clip's keypoints and truth, so that another clip of the same name is told.
        errors: by metric, the mean over the frames of each of the 17 joints; without metrics for
            which the clip is too short.
    """

    name: str
    subject: str
    action: str
    frames: int
    digest: str
    errors: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Means over some clips.

    Attributes:
        clips: how many.
        frames: in all of them.
        metrics: mean over frames and joints, in the units of `METRICS`; without metrics for which
            every clip was too short.
    """

    clips: int
    frames: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """A model's accuracy.

    Attributes:
        overall: of all clips; of all actions with equal weights if `actions_first` was set.
        per_action: of the clips of each action, in alphabetical order.
        per_joint: joint -> metric -> what `overall` is the mean of, of all joints or of some.
        settings: what was measured and how, JSON-ready.
    """

    overall: Figures
    per_action: Mapping[str, Figures]
    per_joint: Mapping[str, Mapping[str, float]]
    settings: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        results: Sequence[ClipErrors],
        metrics: Sequence[str],
        *,
        actions_first: bool = False,
        joints: Mapping[str, Sequence[int]] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> "Accuracy":
        """Means of the errors on clips.

        Args:
            results: one or more.
            metrics: names in `METRICS`.
            actions_first: mean over the frames of each action, then over actions; else over all
                frames.
            joints: by metric, the joints that its means over joints are of; all where there is
                none.
            settings: to be kept with them.

        Raises:
            InputError: no clips, or every clip is too short for one of the metrics.
        """
        actions = {action: _of_action(results, action) for action in _actions(results)}
        means = {action: _means(part, metrics) for action, part in actions.items()}
        every = _mean_of(list(means.values())) if actions_first else _means(results, metrics)
        counted = joints or {}
        for name in metrics:
            if name not in every:
                raise InputError(
                    f"{METRICS[name].label}: expected a clip of more than "
                    f"{METRICS[name].lost_frames} frames, got {len(results)} shorter ones; there "
                    "is nothing to compare"
                )
        return cls(
            overall=_figures(results, every, counted),
            per_action={
                action: _figures(actions[action], means[action], counted) for action in actions
            },
            per_joint={
                joint: {name: float(values[index]) for name, values in every.items()}
                for index, joint in enumerate(JOINTS)
            },
            settings=dict(settings or {}),
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return dataclasses.asdict(self)


def _actions(results: Sequence[ClipErrors]) -> list[str]:
    return sorted({result.action for result in results})


def _of_action(results: Sequence[ClipErrors], action: str) -> list[ClipErrors]:
    return [result for result in results if result.action == action]


def _figures(
    results: Sequence[ClipErrors],
    means: Mapping[str, Array],
    counted: Mapping[str, Sequence[int]],
) -> Figures:
    return Figures(
        clips=len(results),
        frames=sum(result.frames for result in results),
        metrics={
            name: float(values[list(counted.get(name, range(len(JOINTS))))].mean())
            for name, values in means.items()
        },
    )


def _means(results: Sequence[ClipErrors], metrics: Sequence[str]) -> dict[str, Array]:
    """By metric, (17,) means over all frames."""
    means = {}
    for name in metrics:
        measured = [result for result in results if name in result.errors]
        if measured:
            weights = [result.frames - METRICS[name].lost_frames for result in measured]
            errors = [result.errors[name] for result in measured]
            means[name] = np.average(np.array(errors, np.float64), axis=0, weights=weights)
    return means


def _mean_of(means: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """By metric, the mean of means, where it was measured."""
    found = dict.fromkeys(name for part in means for name in part)
    return {name: np.mean([part[name] for part in means if name in part], axis=0) for name in found}
