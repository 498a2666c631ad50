"""The options of `h2ot-infer` that say what is lifted."""

import argparse

from h2ot_edge.cli.detecting import add_detector, add_span
from h2ot_edge.layouts import LAYOUTS
from h2ot_edge.missing import POLICIES
from h2ot_edge.readers import FORMATS
from h2ot_edge.video.streams import without_password

__all__ = ["EVERYBODY", "OF_FILES", "OF_FILMS", "add_input", "is_bar_shown", "name_of", "told_name"]

EVERYBODY = "all"
"""The person who is everybody."""

OF_FILES = ("format", "layout", "index", "image_size", "film", "track")
OF_FILMS = ("detector", "detector_device", "keypoints", "look_for")
"""Options that say something of one kind of input only, as they are called here."""

_NAMES = {"index": "--clip", "look_for": "--people"}

_WHO = (
    "whom to lift: a name that the tracker gave, or all; by default all of a film, and the "
    "strongest track of a file of keypoints"
)


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add what says where keypoints come from, and who is taken."""
    parser.add_argument(
        "clip",
        metavar="CLIP",
        help="a file or folder of keypoints; or a video, a folder of images, camera:N or an "
        "address (rtsp://...), with --detector",
    )
    group = parser.add_argument_group("input")
    group.add_argument("--person", metavar="ID", help=_WHO)
    add_span(group)
    group.add_argument("--fps", type=float, metavar="HZ",
        help="of keypoints or a folder of images; goes before what a file says")  # fmt: skip
    group.add_argument("--min-seconds", type=float, default=0.5, metavar="S",
        help="with all people, leave out who is seen for less, and in less than half of the "
        "frames (default: %(default)s)")  # fmt: skip
    group.add_argument("--on-missing", default="interpolate", metavar="NAME",
        help="what becomes of missing joints and frames: "
        f"{', '.join(POLICIES)} (default: %(default)s)")  # fmt: skip
    group.add_argument("--max-gap-s", type=float, metavar="S",
        help="what is farther from an observation is not valid; needs the frame rate "
        "(half a second where that is known)")  # fmt: skip
    _add_of_films(parser)
    _add_of_files(parser)


def _add_of_films(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("films")
    add_detector(group)
    group.add_argument("--keypoints", metavar="FILE.csv",
        help="write what the detector finds, frame by frame as it goes; h2ot-infer reads it "
        "again")  # fmt: skip


def _add_of_files(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files of keypoints")
    group.add_argument("--format", help=f"auto, {', '.join(FORMATS)}")
    group.add_argument("--layout", help=f"auto, {', '.join(LAYOUTS)}")
    group.add_argument("--image-size", nargs=2, type=float, metavar=("W", "H"),
        help="size of the image in pixels; goes before what the clip says")  # fmt: skip
    group.add_argument("--clip", dest="index", type=int, metavar="N",
        help="which clip of an .npz with several")  # fmt: skip
    group.add_argument("--track", action="store_true",
        help="tell people apart by where they are, if the file does not")  # fmt: skip
    group.add_argument("--film", metavar="VIDEO",
        help="the film that the keypoints are of, for --video and --sheet")  # fmt: skip


def is_bar_shown(args: argparse.Namespace) -> bool:
    """Whether progress is shown, on a terminal."""
    return not (args.json or args.quiet)


def told_name(args: argparse.Namespace) -> str:
    """What is lifted, as messages, titles and results call it: addresses may have passwords."""
    return without_password(args.clip)


def name_of(option: str) -> str:
    """As it is written on the command line."""
    return _NAMES.get(option, f"--{option.replace('_', '-')}")
