"""Frames of videos, folders of images, cameras and streams; and videos written from images.

    from h2ot_edge.video import VideoWriter, open_source

    with open_source("walk.mp4") as source, VideoWriter("out.mp4", source.size, fps=30) as out:
        for frame in source:
            out.write(frame.image, frame.timestamp)

Needs the extra `video`: PyAV for videos and streams, OpenCV for images and cameras.
"""

from h2ot_edge.video.opening import is_source, open_source
from h2ot_edge.video.source import Frame, Image, Source
from h2ot_edge.video.writer import VideoWriter, check_video_path

__all__ = [
    "Frame",
    "Image",
    "Source",
    "VideoWriter",
    "check_video_path",
    "is_source",
    "open_source",
]
