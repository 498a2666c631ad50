"""Folders of images, one for each frame."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from h2ot_edge._closing import Closing
from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.readers.found import natural
from h2ot_edge.video.opencv import require_cv2
from h2ot_edge.video.source import Frame, Image, was_closed
from h2ot_edge.video.span import Span

__all__ = ["IMAGES", "ImageFolder", "files_in", "images_in"]

IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""How names of images end."""


def files_in(folder: Path) -> list[Path]:
    """What is in a folder and no folder; what begins with a dot is a system's own.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        return [file for file in folder.iterdir() if file.name[0] != "." and not file.is_dir()]
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be read ({error.strerror}); see who may read the folder"
        ) from error


def images_in(folder: Path) -> list[Path]:
    """Images of a folder, 2 before 10.

    Raises:
        InputError: the folder cannot be read.
    """
    images = (file for file in files_in(folder) if file.suffix.lower() in IMAGES)
    return sorted(images, key=lambda file: natural(file.name))


class ImageFolder(Closing):
    """A `Source` of the images of a folder; each is turned as its EXIF data say.

    Args:
        path: the folder.
        span: what is wanted of it.
        fps: images a second.

    Raises:
        UsageError: no rate, or none above 0.
        InputError: no image, none in `span`, one that cannot be read, or of another size than the
            first; the last two when it is that image's turn.
    """

    live = False

    def __init__(self, path: Path, span: Span, fps: float | None) -> None:
        self.name = str(path)
        self.fps = _checked(path, fps)
        files = images_in(path)
        if not files:
            raise InputError(f"{path}: expected a folder of images ({', '.join(IMAGES)}), has none")
        self._files = [
            (number, file)
            for number, file in enumerate(files)
            if not span.before(number / self.fps) and not span.after(number / self.fps)
        ]
        if not self._files:
            raise InputError(
                f"{path}: its {len(files)} images last {len(files) / self.fps:g} s; there is "
                f"nothing from {span.start_s:g} s on"
            )
        self.frames = len(self._files)
        self._closed = False
        self._first = self._files[0][1]
        height, width, _ = _read(self._first).shape
        self.size = (width, height)

    def __iter__(self) -> Iterator[Frame]:
        if self._closed:
            raise was_closed(self.name)
        return self._frames()

    def close(self) -> None:
        """End with the next image."""
        self._closed = True

    def _frames(self) -> Iterator[Frame]:
        for number, file in self._files:
            if self._closed:
                return
            image = _read(file)
            height, width, _ = image.shape
            if (width, height) != self.size:
                raise InputError(
                    f"{file}: is {width}x{height}, {self._first.name} is "
                    f"{self.size[0]}x{self.size[1]}; the images of a folder must have one size"
                )
            yield Frame(number=number, timestamp=number / self.fps, image=image)


def _checked(path: Path, fps: float | None) -> float:
    if fps is None:
        raise UsageError(
            f"{path}: images do not say how many of them make a second; say it (fps=, or --fps on "
            "the command line)"
        )
    if not 0 < fps < float("inf"):
        raise UsageError(f"{path}: {fps:g} images a second: expected a number above 0")
    return float(fps)


def _read(file: Path) -> Image:
    cv2 = require_cv2()
    try:
        data = np.fromfile(file, np.uint8)  # cv2.imread would print what is wrong
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}); copy it again or take it out of the folder"
        ) from error
    try:
        image: Image | None = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:  # of more pixels than it takes
        image = None
    if image is None:
        raise InputError(
            f"{file}: is no image that OpenCV can read; write it again or take it out of the folder"
        )
    return image
