"""What `h2ot-infer` writes: poses, angles, pictures, pages, a film."""

import argparse
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h2ot_edge._bars import progress_bar
from h2ot_edge._files import make_folder_of
from h2ot_edge._names import require
from h2ot_edge.card import ModelCard
from h2ot_edge.cli.infer_options import is_bar_shown
from h2ot_edge.cli.output import Trying
from h2ot_edge.drawing import ContactSheet, SideBySide, plot_angles
from h2ot_edge.drawing.images import check_picture_path
from h2ot_edge.errors import UsageError
from h2ot_edge.joint_angles import ANGLES, check_angles_path, write_angles
from h2ot_edge.pose_files import PersonFile, check_fits, check_poses_path, write_people
from h2ot_edge.pose_files.formats import FORMATS
from h2ot_edge.poses import Poses
from h2ot_edge.recording import Lifted, Pictures, Recording, draw
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.stages import StageTimes
from h2ot_edge.video import Source, VideoWriter, check_video_path
from h2ot_edge.video.images import IMAGES
from h2ot_edge.video.opencv import require_cv2
from h2ot_edge.viewer import check_page_path, write_page

__all__ = ["Outputs", "Result", "add_output", "poses_of", "rows_of"]


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add what says where results go."""
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", required=True, action="append", metavar="POSES.npz",
        help=f"where to, by the end of the name: {', '.join(FORMATS)}; may be given several "
        "times")  # fmt: skip
    group.add_argument("--angles", metavar="FILE.csv",
        help="write the angles of knees, hips, elbows, ... as well")  # fmt: skip
    group.add_argument("--plot", metavar="FILE.png", help="draw the poses as well")
    group.add_argument("--plot-angles", metavar="FILE.png",
        help="draw the angles over time as well")  # fmt: skip
    group.add_argument("--html", metavar="FILE.html",
        help="write a page as well in which a browser shows them")  # fmt: skip
    group.add_argument("--video", metavar="FILE.mp4",
        help="write the film as well, with keypoints on it and poses beside it")  # fmt: skip
    group.add_argument("--sheet", metavar="FILE.png",
        help="write some of its frames on one sheet as well")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Result:
    """What there is to write.

    Attributes:
        poses: (t, 17, 3) of one person, (n, t, 17, 3) of all of them.
        lifted: the same, by person.
        card: of the model.
        title: of pictures and pages.
        film: opens the frames.
    """

    poses: Poses
    lifted: Lifted
    card: ModelCard
    title: str
    film: Callable[[], Source]


class Outputs:
    """Results, by the options that ask for them.

    Attributes:
        args: of the command.
        interrupted: whether Ctrl-C ended the drawing.
        tried: what is written, with the first error.

    Raises:
        UsageError: names that cannot be, or two results with one name.
        MissingExtra: the library that writes one is not installed.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.interrupted = False
        self.tried = Trying()
        self._poses = [check_poses_path(path) for path in args.output]
        results = [path for path in (*args.output, *self._others().values()) if path]
        _check_apart(results, given=[args.model, args.clip, *([args.film] if args.film else [])])
        if args.angles:
            check_angles_path(args.angles)
        if args.html:
            check_page_path(args.html)
        if args.video:
            check_video_path(args.video)
        for option in ("plot", "plot_angles", "sheet"):
            if getattr(args, option):
                check_picture_path(getattr(args, option))
        # Now, not after the work is done.
        if args.plot or args.plot_angles:
            require("matplotlib", "viz")
        if self.pictures:
            require_cv2()

    def _others(self) -> dict[str, str | None]:
        """Names of what is not poses, by option."""
        options = ("angles", "plot", "plot_angles", "html", "keypoints", "video", "sheet")
        return {option: getattr(self.args, option) for option in options}

    @property
    def pictures(self) -> bool:
        """Whether the frames of a film are needed."""
        return bool(self.args.video or self.args.sheet)

    def prepare(self, card: ModelCard, fps: float | None) -> None:
        """Raise now what would go wrong after the work, and make folders.

        Raises:
            InputError: a format that cannot hold the model's poses.
            UsageError: a folder that cannot be made, or written in.
        """
        for path in self._poses:
            check_fits(path, unit=card.output.unit, fps=fps)
        for path in (*self._poses, *map(Path, filter(None, self._others().values()))):
            _make_room_for(path)

    def write(self, result: Result, stages: StageTimes) -> dict[str, Any]:
        """Write all of it, what takes longest last; one that fails does not stop the others.

        Returns:
            Names, by option, as the report has them; None for what was not asked for, or failed.
        """
        args, poses = self.args, result.poses
        files = self._write_poses(result)
        writers: dict[str, Callable[[], object]] = {
            "angles": lambda: write_angles(args.angles, poses),
            "plot": lambda: _plot(args.plot, result),
            "plot_angles": lambda: plot_angles(args.plot_angles, poses, title=result.title),
            "html": lambda: write_page(args.html, poses, title=result.title),
        }
        names = self._others()
        for option, write in writers.items():
            if names[option] and self.tried(write) is None:
                names[option] = None
        drawn = self.tried(lambda: self._draw(result, stages)) if self.pictures else None
        if drawn is None:
            names.update(video=None, sheet=None)
        return {
            "output": args.output[0],
            "outputs": [str(file.path) for file in files],
            "files": [_described(file, result.lifted.recording) for file in files],
            **names,
            "frames_drawn": drawn,
        }

    def _write_poses(self, result: Result) -> list[PersonFile]:
        written: dict[Path, Sequence[PersonFile]] = {}
        # First those that hold everything.
        for path in sorted(self._poses, key=lambda path: FORMATS[path.suffix.lower()].motion):
            write = functools.partial(write_people, path, result.poses, result.card)
            written[path] = self.tried(write) or ()
        return [file for path in self._poses for file in written[path]]

    def _draw(self, result: Result, stages: StageTimes) -> int:
        args = self.args
        with ExitStack() as files:
            source = files.enter_context(result.film())
            layout = SideBySide(source.size)
            sheet = ContactSheet() if args.sheet else None
            video = None
            if args.video:
                video = VideoWriter(args.video, layout.size, fps=source.fps)
                files.enter_context(video)
            pictures = Pictures(
                layout=layout,
                video=video,
                sheet=sheet,
                small=SideBySide.for_sheet(source.size) if args.sheet else None,
                title=result.title,
            )
            with progress_bar("picture", shown=is_bar_shown(args)) as bar:
                drawn = draw(source, result.lifted, pictures, stages=stages, progress=bar)
            if sheet is not None and drawn.frames:
                sheet.write(args.sheet)
        self.interrupted = drawn.interrupted
        return drawn.frames


def poses_of(lifted: Lifted, *, alone: bool) -> Poses:
    """(t, 17, 3) of the one person, or (n, t, 17, 3) of everybody, with all frames."""
    if not alone:
        return lifted.together()
    (poses,) = lifted.poses
    return poses if len(poses) == lifted.recording.frames else lifted.together().clips()[0]


def rows_of(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The lines of the summary that say what was written."""
    for file in report["files"]:
        yield "poses", f"{file['path']} ({file['frames']} frames, {len(JOINTS)} joints)"
    if report["keypoints"]:
        yield "keypoints", report["keypoints"]
    if report["angles"]:
        yield "angles", f"{report['angles']} ({len(ANGLES)} angles)"
    for option, name in (("plot", "plot"), ("plot_angles", "angles"), ("html", "page")):
        if report[option]:
            yield name, str(Path(report[option]))
    for option in ("video", "sheet"):
        if report[option]:
            yield option, f"{report[option]} ({report['frames_drawn']} frames)"


def _described(file: PersonFile, recording: Recording) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "person": file.person,
        "first_frame": int(recording.numbers[file.first]),
        "frames": file.frames,
    }


def _plot(path: str, result: Result) -> Path:
    """Of the person who is seen best."""
    from h2ot_edge.plot import plot_sequence  # brings matplotlib

    recording = result.lifted.recording
    people = recording.people
    best = max(range(len(people)), key=lambda place: people[place].weight)
    who = f", person {people[best].name}" if len(people) > 1 else ""
    return plot_sequence(
        result.lifted.poses[best].positions,
        path,
        keypoints=people[best].keypoints,
        title=result.title + who,
        first_frame=int(recording.numbers[people[best].first]),
    )


def _make_room_for(path: Path) -> None:
    make_folder_of(path)
    if not os.access(path.parent, os.W_OK):
        raise UsageError(
            f"{path}: nothing can be written in the folder {path.parent}; give another name"
        )


def _check_apart(results: Sequence[str], given: Sequence[str]) -> None:
    """Raise if two results would have one name, or one would take the place of what is read."""
    taken = {Path(path).resolve() for path in given}
    read = (*IMAGES, ".json")
    seen: set[Path] = set()
    for path in results:
        place = Path(path).resolve()
        if place in taken:
            raise UsageError(f"{path}: is what is read; give the result another name")
        if place.parent in taken and place.parent.is_dir() and place.suffix.lower() in read:
            raise UsageError(
                f"{path}: would be one of the files of the folder that is read; give another folder"
            )
        if place in seen:
            raise UsageError(f"{path}: two results would have this name; give each its own")
        seen.add(place)
