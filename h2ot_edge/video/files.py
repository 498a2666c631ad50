"""Videos in files, of any container and codec that FFmpeg knows."""

from pathlib import Path

from h2ot_edge.video.decoding import Decoder
from h2ot_edge.video.passes import Video
from h2ot_edge.video.span import Span

__all__ = ["open_file"]


def open_file(path: Path, span: Span) -> Video:
    """Open a video file; it can be gone through any number of times.

    Damaged frames are left out, and a warning tells how many; a file that ends before it should
    gives what it has, with a warning.

    Raises:
        InputError: no such file, not a video, no frame can be decoded, or none is in `span`.
    """
    # Else FFmpeg takes what is before a colon in the name for a protocol.
    url, name = f"file:{path}", str(path)
    return Video(lambda: Decoder(url, name), name, span, local=True)
