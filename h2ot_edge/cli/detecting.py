"""Options of commands that look for people in films."""

import argparse

from h2ot_edge.detectors import FORMS

__all__ = ["add_detector", "add_span"]


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
