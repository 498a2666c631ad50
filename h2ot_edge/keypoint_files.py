"""Keypoints as a .csv, written while they come in; `h2ot_edge.clips.read_clips` reads it back.

One row for each person in each frame, and one without a person for a frame in which nobody was
seen; UTF-8, comma, point, LF:

| column | |
| --- | --- |
| `frame` | the frame's number in the source |
| `time_s` | seconds since the source's first frame |
| `person` | the id; blank if nobody was seen |
| `image_width`, `image_height` | pixels |
| `JOINT_x`, `JOINT_y`, `JOINT_score` | pixels and confidence of the 17 joints of \
`h2ot_edge.skeleton`; blank where the joint was not seen |

Numbers are read back as the same float32.
"""

import os
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from h2ot_edge._closing import Closing
from h2ot_edge._files import checked_name, make_folder_of
from h2ot_edge._gaps import seen_in
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.pose_files.conventions import texts
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.spec import FloatArray
from h2ot_edge.tracking import NOBODY

__all__ = ["KeypointsWriter", "check_keypoints_path"]

_KINDS = ("x", "y", "score")
_HEADER = ("frame", "time_s", "person", "image_width", "image_height")
_BLANK = "," * (len(JOINTS) * len(_KINDS))
_FLUSH_S = 1.0


def check_keypoints_path(path: str | Path) -> Path:
    """The path, if keypoints can be written there; asked before the work is done.

    Raises:
        UsageError: it does not end in .csv, or is a folder.
    """
    return checked_name(path, (".csv",), "keypoints are")


class KeypointsWriter(Closing):
    """Keypoints in a .csv, frame by frame; a context manager.

    What was added is on the disk a second later, so that no more is lost when the process is killed
    or the power fails. What it was in the middle of, the reader leaves out.
    """

    def __init__(
        self,
        path: str | Path,
        image_size: Sequence[float],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin the file, and its folder if that is not there; one of that name is lost.

        Args:
            path: ends in .csv.
            image_size: (width, height) in pixels.
            clock: seconds; when to write goes by it.

        Raises:
            UsageError: the name ends otherwise, or nothing can be written there.
        """
        self._path, self._clock = check_keypoints_path(path), clock
        self._size = ",".join(f"{length:g}" for length in image_size)
        make_folder_of(self._path)
        joints = [f"{joint}_{kind}" for joint in JOINTS for kind in _KINDS]
        self._waiting = [",".join((*_HEADER, *joints)) + "\n"]
        self._frames = self._bytes = self._coming = 0
        self._file = -1
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        except OSError as error:
            raise self._refused(error) from error
        self._flush()

    def add(
        self,
        number: int,
        timestamp: float,
        ids: Sequence[int] | Sequence[str],
        keypoints: ArrayLike,
    ) -> None:
        """Add a frame.

        Args:
            number: of the frame, higher than that of the frame before.
            timestamp: seconds, later than that of the frame before.
            ids: (n,) who they are, numbers or names; those of `NOBODY` are left out. n may be 0.
            keypoints: (n, 17, 3) pixels and confidence; a joint with NaN or confidence 0 was not
                seen.

        Raises:
            InputError: another shape, or it is closed.
            UsageError: it cannot be written: the disk is full. What was written is kept.
        """
        if self._file < 0:
            raise InputError(f"{self._path}: is closed; nothing can be added to it")
        points = np.asarray(keypoints, np.float32)
        if points.shape != (len(ids), len(JOINTS), 3) and (len(ids) or points.size):
            raise InputError(
                f"keypoints: expected ({len(ids)}, {len(JOINTS)}, 3) for {len(ids)} ids, got "
                f"{points.shape}"
            )
        begin = f"{number},{float(timestamp)!r},"
        rows = [
            f"{_quoted(name)},{self._size},{','.join(cells)}\n"
            for name, cells in zip(ids, _cells(points), strict=True)
            if name != NOBODY
        ]
        self._waiting += [begin + row for row in rows or [f",{self._size}{_BLANK}\n"]]
        self._coming += 1
        if self._clock() - self._flushed >= _FLUSH_S:
            self._flush()

    def close(self) -> None:
        """Write what is left; more than once does nothing.

        Raises:
            UsageError: as `add`.
        """
        if self._file < 0:
            return
        try:
            self._flush()
        finally:
            self._shut()

    def _flush(self) -> None:
        """Write whole frames at a time: what is killed meanwhile is cut in one row at most."""
        data = "".join(self._waiting).encode()
        self._waiting.clear()
        try:
            while data:
                data = data[os.write(self._file, data) :]
            if stat.S_ISREG(os.fstat(self._file).st_mode):  # devices and pipes refuse it
                os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):  # not of a device
                os.ftruncate(self._file, self._bytes)
            self._shut()
            raise self._refused(error) from error
        self._bytes = os.lseek(self._file, 0, os.SEEK_CUR)
        self._frames, self._coming = self._frames + self._coming, 0
        self._flushed = self._clock()

    def _shut(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _refused(self, error: OSError) -> UsageError:
        kept = f"frames kept: {self._frames}; " if self._frames else ""
        return UsageError(
            f"{self._path}: cannot be written ({error.strerror}); {kept}make room, or give another "
            "name"
        )


def _quoted(name: object) -> str:
    """As a cell, whatever a detector calls people."""
    text = str(name)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def _cells(points: FloatArray) -> list[list[str]]:
    """(n, 17 * 3) in the order of the columns."""
    if not points.size:
        return []
    words = texts(np.where(seen_in(points)[..., None], points, np.nan))
    cells: list[list[str]] = words.reshape(len(points), -1).tolist()
    return cells
