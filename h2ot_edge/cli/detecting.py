"""Options of commands that look for people in films."""

import argparse

from h2ot_edge.detectors import FORMS, Detector, explained, open_detector
from h2ot_edge.errors import UsageError
from h2ot_edge.video.streams import without_password

__all__ = ["add_detector", "add_span", "check_detector", "detector_of"]


def add_detector(group: argparse._ArgumentGroup) -> None:
    """Add who finds people: `detector`, `detector_device` (None: the CPU) and `look_for`."""
    group.add_argument("--detector", metavar="NAME", help=f"who finds people: {FORMS}")
    group.add_argument("--detector-device", metavar="DEVICE",
        help="cpu, cuda or cuda:N (default: cpu)")  # fmt: skip
    group.add_argument("--people", dest="look_for", type=int, metavar="N",
        help="how many the detector looks for at most (MediaPipe: 1 unless given)")  # fmt: skip


def add_span(group: argparse._ArgumentGroup) -> None:
    """Add which part: `start` and `stop`, seconds."""
    group.add_argument("--from", dest="start", type=float, default=0.0, metavar="S",
        help="leave out what comes before, in seconds")  # fmt: skip
    group.add_argument("--to", dest="stop", type=float, metavar="S",
        help="leave out what comes after, in seconds")  # fmt: skip


def check_detector(args: argparse.Namespace, film: str) -> None:
    """Raise unless somebody is named who finds people in a film.

    Raises:
        UsageError: with everybody who could be.
    """
    if args.detector is None:
        raise UsageError(
            f"{without_password(film)}: a film has no keypoints; name who finds people in it with "
            f"--detector: {explained()}"
        )


def detector_of(args: argparse.Namespace) -> Detector:
    """Open the one that the options of `add_detector` name; as `open_detector`."""
    device = args.detector_device or "cpu"
    return open_detector(args.detector, device=device, people=args.look_for)
