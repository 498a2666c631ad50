"""An app in 40 lines: a camera's thread, a thread of poses, and a loop that shows the newest one.

Put your camera and your 2-D detector in the place of `film`.
"""

import sys
import threading
import time

from h2ot_edge import Engine
from h2ot_edge.live import LiveSession
from h2ot_edge.sample import sample_clip

CLIP = sample_clip()


def film(live: LiveSession, stop: threading.Event) -> None:
    """Frames of a recorded walk at its own rate; yours gives (17, 3) keypoints, or None."""
    begin = time.monotonic()
    for number, keypoints in enumerate(CLIP.keypoints):
        seconds = number / CLIP.fps
        if stop.wait(max(begin + seconds - time.monotonic(), 0)):
            return
        live.push("walker", keypoints, seconds)


def show(live: LiveSession) -> None:
    """Draw here; it may be as slow as it likes."""
    pose = live.latest("walker")
    if pose is not None and pose.valid.all():
        x, y, z = pose["rwrist"]
        late = f"{1e3 * pose.latency_s:.0f} ms after it was filmed"
        sys.stdout.write(f"frame {pose.number}, {late}: wrist at {x:+.2f} {y:+.2f} {z:+.2f} m\n")


def main(seconds: float = 2.0) -> None:
    """Film and show for a while."""
    stop = threading.Event()
    with (
        Engine.load("motionbert-s", threads=1) as engine,
        engine.session(lookahead=4, hop=4, image_size=CLIP.image_size) as live,
    ):
        filming = threading.Thread(target=film, args=(live, stop))
        filming.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            show(live)
            time.sleep(0.1)
        stop.set()
        filming.join()


if __name__ == "__main__":
    main()
