"""Who is who from frame to frame: ids for detections that have none. See docs/tracking.md."""

from h2ot_edge.tracking.tracker import NOBODY, Tracker

__all__ = ["NOBODY", "Tracker"]
