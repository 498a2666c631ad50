"""From a film to poses of everybody in it: detect, lift, draw, as `h2ot-infer` does.

    with open_source("game.mp4") as source:
        gathered = detect(source, open_detector("rtmlib"), Tracker())
    with Engine.load("motionbert-s") as engine:
        lifted = lift(engine, gathered.recording)
    with open_source("game.mp4") as source, VideoWriter("out.mp4", ...) as video:
        draw(source, lifted, ...)

See docs/video.md.
"""

from h2ot_edge.recording.detecting import Gathered, detect
from h2ot_edge.recording.drawing import Drawn, Pictures, draw
from h2ot_edge.recording.lifting import Lifted, lift
from h2ot_edge.recording.people import Person, Recording

__all__ = [
    "Drawn",
    "Gathered",
    "Lifted",
    "Person",
    "Pictures",
    "Recording",
    "detect",
    "draw",
    "lift",
]
