"""`h2ot live`: a camera or a film at its own pace, with the poses of the people in it."""

import argparse
import functools
import logging
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from h2ot_edge._files import make_folder_of
from h2ot_edge._names import look_up
from h2ot_edge.card import ModelCard
from h2ot_edge.cli.detecting import add_detector, add_span, check_detector, detector_of
from h2ot_edge.cli.live_report import Ran, report_of, rows_of
from h2ot_edge.cli.output import Trying, write_json, write_rows
from h2ot_edge.cli.running import add_running, load_engine
from h2ot_edge.engine import Engine
from h2ot_edge.errors import H2OTError
from h2ot_edge.live_view import (
    BrowserView,
    Clocks,
    Lifter,
    LiveScenes,
    NoView,
    Numbers,
    Recording,
    View,
    WindowView,
)
from h2ot_edge.live_view.hosts import is_loopback
from h2ot_edge.live_view.window import check_windows
from h2ot_edge.missing import MAX_GAP_S
from h2ot_edge.pose_files import check_fits, check_poses_path, write_people
from h2ot_edge.pose_files.formats import FORMATS
from h2ot_edge.stages import StageTimes
from h2ot_edge.tracking import Tracker
from h2ot_edge.video import Source, open_source

__all__ = ["SUMMARY", "add_arguments", "run"]

_logger = logging.getLogger(__name__)

SUMMARY = "show the people of a camera or a film, and their 3-D poses, while it runs"

_SHOWS = dict.fromkeys(("browser", "window", "none"))
_MOST_PEOPLE = 1024
"""Whose streams are kept: as many as a tracker names in the seconds before one is forgotten."""

_PORT = 8017


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "model", metavar="MODEL", help="an .onnx file, or a name that h2ot-models lists"
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="camera:N, an address (rtsp://...), a video file or a folder of images",
    )
    _add_input(parser)
    _add_lifting(parser)
    _add_showing(parser)
    add_running(parser, clips=False)


def _add_input(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    add_detector(group)
    add_span(group)
    group.add_argument("--fps", type=float, metavar="HZ",
        help="asked of a camera; that of a folder of images")  # fmt: skip
    group.add_argument("--no-drop", action="store_true",
        help="take every frame, and fall behind where that takes too long, instead of the "
        "newest")  # fmt: skip


def _add_lifting(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("lifting")
    group.add_argument("--lookahead", type=int, metavar="K",
        help="frames after its own that the network sees for a pose, which is later by as many "
        "(default: 4)")  # fmt: skip
    group.add_argument("--hop", type=int, metavar="N",
        help="run the network every N-th frame, for N poses, which are later by N - 1 frames "
        "(default: 4)")  # fmt: skip
    group.add_argument("--max-gap-s", type=float, default=MAX_GAP_S, metavar="S",
        help="somebody who is not seen for longer has no pose")  # fmt: skip
    group.add_argument("-o", "--output", action="append", metavar="POSES.npz",
        help="write what was lifted at the end, by the end of the name: "
        f"{', '.join(FORMATS)}; may be given several times")  # fmt: skip


def _add_showing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("showing")
    group.add_argument("--show", default="browser", metavar="WHERE",
        help=f"{', '.join(_SHOWS)}")  # fmt: skip
    group.add_argument("--open", action="store_true", help="open the page in a browser")
    group.add_argument("--port", type=int, default=_PORT, metavar="N",
        help="of the page; 0: any that is free")  # fmt: skip
    group.add_argument("--host", default="127.0.0.1", metavar="ADDRESS",
        help="of the page; 0.0.0.0 shows the camera to the whole network, without a "
        "password")  # fmt: skip
    group.add_argument("--side", type=int, default=960, metavar="PIXELS",
        help="of the picture on the page, the longer one at most")  # fmt: skip
    group.add_argument("--quality", type=int, default=80, metavar="1-100",
        help="of the picture on the page")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Open, run until the source or the user ends it, write, report."""
    outputs = [check_poses_path(path) for path in args.output or []]
    look_up("way to show", args.show, _SHOWS)
    check_detector(args, args.source)
    if args.show == "window":
        check_windows()
    with ExitStack() as opened:
        opened.enter_context(_terminable())
        source = opened.enter_context(
            open_source(args.source, start_s=args.start, stop_s=args.stop, fps=args.fps)
        )
        engine = opened.enter_context(load_engine(args.model, args))
        for path in outputs:
            check_fits(path, unit=engine.card.output.unit, fps=source.fps or 1.0)
            make_folder_of(path)
        ran = _run(args, source, engine, opened)
        written, error = _write(outputs, ran, engine.card)
    report = report_of(args, ran, written)
    if not args.json:
        write_rows(rows_of(report))
    ended = ran.ended_by or error
    if ended is not None:
        raise ended  # which is the one document then
    if args.json:
        write_json(report)
    return 0


def _run(args: argparse.Namespace, source: Source, engine: Engine, opened: ExitStack) -> Ran:
    times, clocks = StageTimes(), Clocks()
    lookahead, hop = _waits(args, engine.card)
    streams = engine.streams(
        lookahead=lookahead,
        hop=hop,
        image_size=source.size,
        max_gap_s=args.max_gap_s,
        max_streams=_MOST_PEOPLE,
    )
    detector = opened.enter_context(closing(detector_of(args)))
    engine.warmup()
    view = opened.enter_context(closing(_view(args, source, engine.card, times)))
    recording = Recording(keep=bool(args.output))
    delay = lookahead + hop - 1
    lifter = Lifter(
        detector, Tracker(), streams, delay=delay, max_gap_s=args.max_gap_s, times=times
    )
    scenes = LiveScenes(source, lifter, times, recording=recording, every=args.no_drop)
    ended_by = _watch(scenes, view, clocks, times, wait=not source.live)
    return Ran(
        source=source, engine=engine, detector=detector.name, scenes=scenes, clocks=clocks,
        times=times, recording=recording, lookahead=lookahead, hop=hop, ended_by=ended_by,
    )  # fmt: skip


def _waits(args: argparse.Namespace, card: ModelCard) -> tuple[int, int]:
    """Look-ahead and hop; a seq2frame model has no choice."""
    only = card.mode == "seq2frame"
    lookahead = args.lookahead if args.lookahead is not None else card.frames // 2 if only else 4
    hop = args.hop if args.hop is not None else 1 if only else 4
    return lookahead, hop


def _view(args: argparse.Namespace, source: Source, card: ModelCard, times: StageTimes) -> View:
    if args.show == "window":
        return WindowView(source, times)
    if args.show == "none":
        return NoView()
    view = BrowserView(
        source, card, times,
        host=args.host, port=args.port, side=args.side, quality=args.quality,
    )  # fmt: skip
    if not is_loopback(args.host):
        _logger.warning(
            "--host %s: whoever can reach this machine over the network sees the picture of %s; "
            "there is no password",
            args.host, source.name,
        )  # fmt: skip
    begins = "" if source.live else "; the film begins when the page is opened"
    sys.stderr.write(f"h2ot-live: {view.url} is the page, Ctrl-C ends it{begins}\n")
    sys.stderr.flush()
    if args.open and not webbrowser.open(view.url):
        _logger.warning("no browser could be opened; open %s in one", view.url)
    return view


def _watch(
    scenes: LiveScenes, view: View, clocks: Clocks, times: StageTimes, *, wait: bool
) -> Exception | None:
    """Show scenes until the source ends, Ctrl-C, or the view is closed; what went wrong, if so."""
    numbers = Numbers(scenes, clocks, times)
    try:
        if wait:
            view.wait()
        with scenes:
            for scene in scenes:
                wanted = view.show(scene, numbers.of(scene))
                clocks.tick(scene.taken.at)
                if not wanted:
                    break
    except KeyboardInterrupt:
        _logger.info("ended by Ctrl-C")
    except Exception as error:  # what was lifted until then is written first
        return error
    return None


@contextmanager
def _terminable() -> Iterator[None]:
    """End as by Ctrl-C when a service manager says so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _write(
    outputs: list[Path], ran: Ran, card: ModelCard
) -> tuple[list[str], H2OTError | OSError | None]:
    """Write what was lifted, as far as that can be; the names of the files, and the first error."""
    tried = Trying()
    poses = tried(ran.recording.poses) if outputs else None
    if poses is None:
        for path in outputs if tried.error is None else []:
            _logger.warning("%s: not written, as nobody was lifted", path)
        return [], tried.error
    files = [tried(functools.partial(write_people, path, poses, card)) or () for path in outputs]
    return [str(each.path) for written in files for each in written], tried.error
