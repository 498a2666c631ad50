"""Small videos. Frame n is a grey of its own, red in the top left corner, blue in the top right."""

import struct
from fractions import Fraction

import numpy as np

SIZE = (64, 48)
TICKS = 90000
OPTIONS = {
    "libx264": {"g": "5", "bf": "2", "crf": "1", "x264-params": "scenecut=0"},
    "libx265": {"x265-params": "keyint=5:bframes=2:log-level=none", "crf": "1"},
    "libvpx-vp9": {"g": "5", "crf": "10", "deadline": "realtime", "cpu-used": "8"},
    "mpeg4": {"g": "5", "qscale": "1"},
}


def grey_of(number):
    return 20 + 9 * (number % 25)


def number_of(image):
    """Which frame an image is, to 25."""
    return round((float(np.median(image)) - 20) / 9)


def made_image(number, size=SIZE):
    width, height = size
    image = np.full((height, width, 3), grey_of(number), np.uint8)
    image[: height // 4, : width // 4] = (0, 0, 255)
    image[: height // 4, -(width // 4) :] = (255, 0, 0)
    return image


def save_video(
    path,
    *,
    frames=20,
    fps=25,
    times=None,
    size=SIZE,
    codec="libx264",
    pixels="yuv420p",
    rotation=0,
    mirrored=False,
    aspect=None,
    options=None,
    muxing=None,
    title=None,
    hold=None,
):
    """A video of `frames` images at `fps`, or shown at `times` (seconds).

    An .mp4 may ask to be turned by `rotation` degrees, counterclockwise, and mirrored after that.
    With `hold`, the last of those that wait in the encoder is shown for so many seconds.
    """
    import av

    times = (
        [Fraction(number) / Fraction(fps) for number in range(frames)] if times is None else times
    )
    options = {**OPTIONS.get(codec, {}), **(options or {})}
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=Fraction(fps), options=options)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, TICKS)
        if aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if codec in ("gif", "mjpeg", "mpeg4", "rawvideo"):
            stream.codec_context.time_base = 1 / Fraction(fps)
        if title:
            container.metadata["title"] = title
        container.start_encoding()
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(made_image(number, size), format="bgr24")
            frame = frame.reformat(format=pixels)
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(Fraction(time) / frame.time_base)
            container.mux(stream.encode(frame))
        for packet in stream.encode(None):
            packet.duration = round(hold / packet.time_base) if hold else packet.duration
            container.mux(packet)
    if rotation or mirrored:
        _turn(path, np.deg2rad(rotation), mirrored)
    return path


def _turn(path, angle, mirrored):
    """Have the track's header (ISO/IEC 14496-12, 8.3.2) turn an .mp4, counterclockwise."""
    matrix = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])
    if mirrored:
        matrix[:, 0] *= -1
    data = path.read_bytes()
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.index(plain, data.index(b"tkhd"))
    turned = struct.pack(">6i", *np.rint(matrix * (1 << 16)).astype(int).ravel())
    path.write_bytes(data[:at] + turned + data[at + len(turned) :])


def save_empty(path):
    """A container that was closed before anything came."""
    return save_video(path, frames=0)


def save_truncated(path, share=0.5, **options):
    """A video whose index is at its front, and of which the rest is missing."""
    save_video(path, muxing={"movflags": "faststart"}, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def save_damaged(path, *, frames=60, **options):
    """A video with rubbish in its middle."""
    save_video(path, frames=frames, muxing={"movflags": "faststart"}, **options)
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    middle = (begin + len(data)) // 2
    data[middle : middle + (len(data) - begin) // 8] = b"\xa5" * ((len(data) - begin) // 8)
    path.write_bytes(data)
    return path


def save_sound(path, seconds=0.5, codec="aac"):
    """A file with sound and no pictures."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48000, layout="mono")
        for _ in range(int(48000 * seconds) // 1152):
            samples = np.zeros((1, 1152), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = 48000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def save_resized(path, *sizes):
    """Five frames of each size, one after the other in a bare stream."""
    parts = [save_video(path.with_stem(str(size[0])), frames=5, size=size) for size in sizes]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path
