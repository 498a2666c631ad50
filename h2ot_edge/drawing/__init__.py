"""Pictures of people in videos, drawn by OpenCV: overlay, 3-D panel, side by side, contact sheet.

Images are (h, w, 3) uint8, blue green red. Right limbs are vermilion, left ones blue, as in every
picture here; with several people each has a colour for the trunk, and their id as a label.
"""

from h2ot_edge.drawing.angle_plot import plot_angles
from h2ot_edge.drawing.labels import caption_of, draw_caption
from h2ot_edge.drawing.overlay import draw_keypoints
from h2ot_edge.drawing.sheets import ContactSheet, contact_sheet
from h2ot_edge.drawing.side_by_side import SideBySide
from h2ot_edge.drawing.skeleton_view import SkeletonView

__all__ = [
    "ContactSheet",
    "SideBySide",
    "SkeletonView",
    "caption_of",
    "contact_sheet",
    "draw_caption",
    "draw_keypoints",
    "plot_angles",
]
