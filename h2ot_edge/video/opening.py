"""Names -> sources."""

import re
from pathlib import Path

from h2ot_edge.errors import InputError
from h2ot_edge.video.camera import open_camera
from h2ot_edge.video.files import open_file
from h2ot_edge.video.images import IMAGES, ImageFolder, files_in, images_in
from h2ot_edge.video.source import Source
from h2ot_edge.video.span import Span
from h2ot_edge.video.streams import SCHEMES, open_stream, scheme_of, without_password

__all__ = ["is_source", "open_source"]

_VIDEOS = (
    *(".3gp", ".asf", ".avi", ".flv", ".gif", ".h264", ".hevc", ".m2ts", ".m4v", ".mjpeg", ".mjpg"),
    *(".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm"),
    *(".wmv", ".y4m"),
)
_KEYPOINTS = (".npz", ".json", ".csv", ".txt")
_WANTED = "a video, a folder of images, camera:N, or an address such as rtsp://..."


def is_source(name: str | Path) -> bool:
    """Whether something names images: a video, a folder of images, a camera, an address.

    Files go by the end of their name, and if that tells nothing by how they begin. A folder with
    more than one file of keypoints to two images is one of keypoints.

    Raises:
        InputError: a folder that cannot be read.
    """
    text = str(name)
    if scheme_of(text) is not None:
        return scheme_of(text) in SCHEMES
    path = Path(name)
    if _camera_of(text) is not None:
        return True
    if path.is_dir():
        others = sum(file.suffix.lower() in _KEYPOINTS for file in files_in(path))
        return len(images_in(path)) > 2 * others
    if path.suffix.lower() in _VIDEOS:
        return True
    other = path.suffix.lower() in (*_KEYPOINTS, *IMAGES)
    return not other and path.is_file() and _begins_as_video(path)


def open_source(
    name: str | Path,
    *,
    start_s: float = 0.0,
    stop_s: float | None = None,
    fps: float | None = None,
) -> Source:
    """Open a video, a folder of images, a camera or an address.

    Args:
        name: a file, a folder, `camera:N` or, if there is no such file, N, or an address.
        start_s: frames that are shown earlier are left out; seconds since the first one.
        stop_s: frames that are shown then or later are left out; None to go on to the end.
        fps: images a second; needed for folders, asked of cameras, and of no meaning elsewhere.

    Raises:
        InputError: not there, not to be read, or nothing in that time.
        UsageError: such a time cannot be, or a folder without a rate.
        DeviceUnavailable: no such camera.
        DeviceError: the camera gives no image.
        MissingExtra: PyAV or OpenCV is not installed.
    """
    span = Span(start_s, stop_s)
    text = str(name)
    scheme = scheme_of(text)
    if scheme is not None:
        if scheme not in SCHEMES:
            raise InputError(
                f"{without_password(text)}: expected an address that begins with one of "
                f"{', '.join(SCHEMES)}, got {scheme}"
            )
        return open_stream(text, span)
    camera, path = _camera_of(text), Path(name)
    if camera is not None:
        return open_camera(camera, span, fps)
    if path.is_dir():
        return ImageFolder(path, span, fps)
    if path.is_file() and path.suffix.lower() in (*_KEYPOINTS, *IMAGES):
        raise InputError(f"{path}: expected {_WANTED}, got a {path.suffix.lower()} file")
    return open_file(path, span)


def _camera_of(name: str) -> int | None:
    found = re.fullmatch(r"(camera:)?(\d{1,4})", name, re.ASCII)
    if found is None or (not found[1] and Path(name).exists()):
        return None
    return int(found[2])


def _begins_as_video(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return (
        head[4:8] == b"ftyp"
        or head.startswith((b"\x1aE\xdf\xa3", b"GIF8", b"FLV\x01", b"\0\0\x01\xba", b"YUV4MPEG"))
        or (head.startswith(b"RIFF") and head[8:] == b"AVI ")
    )
