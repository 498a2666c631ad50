"""Videos and cameras that are reached by the network."""

import re

from h2ot_edge.video.decoding import Decoder
from h2ot_edge.video.passes import Video
from h2ot_edge.video.span import Span

__all__ = ["SCHEMES", "open_stream", "scheme_of", "without_password"]

SCHEMES = ("http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "srt", "tcp", "udp")
"""What an address may begin with."""

_TIMEOUT_S = (10.0, 5.0)  # Ctrl-C waits for the second, too
# UDP loses packets, and images turn grey; but some cameras have nothing else.
_OPTIONS = {"rtsp_flags": "prefer_tcp"}


def scheme_of(name: str) -> str | None:
    """What an address begins with; None for a path."""
    found = re.match(r"([a-z][a-z0-9+.-]*)://", name, re.IGNORECASE)
    return found[1].lower() if found else None


def without_password(name: str) -> str:
    """What a source is called in messages and titles: an address without what may be secret.

    Cut are the user, and whatever follows an = behind the host.
    """
    if scheme_of(name) is None:
        return name
    return re.sub(r"=[^&;]*", "=***", re.sub(r"(?<=://)[^/]*@", "***@", name))


def open_stream(url: str, span: Span, timeout_s: tuple[float, float] = _TIMEOUT_S) -> Video:
    """Open what is behind an address, and wait for its first frame.

    A connection that breaks, or from which nothing comes in time, ends it with a warning. What
    does not say how long it lasts is live.

    Args:
        url: rtsp://..., http://... and so on; a password in it is told to nobody.
        span: what is wanted.
        timeout_s: seconds until it must be open, and until more must come.

    Raises:
        InputError: cannot be reached, not a video, or no frame is in `span`.
    """
    name = without_password(url)
    live = scheme_of(url) not in ("http", "https")
    return Video(
        lambda: Decoder(url, name, options=_OPTIONS, timeout=timeout_s, live=live),
        name,
        span,
        local=False,
    )
