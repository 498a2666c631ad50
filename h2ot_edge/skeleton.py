"""The 17 Human3.6M joints that every model here takes and gives.

Letters used for shapes everywhere in this project:
b batch of windows, f frames in a window, k kept frames, j joints, c channels, t frames of a clip.
"""

JOINTS = (
    "hip",
    "rhip",
    "rknee",
    "rankle",
    "lhip",
    "lknee",
    "lankle",
    "spine",
    "thorax",
    "neck",
    "head",
    "lshoulder",
    "lelbow",
    "lwrist",
    "rshoulder",
    "relbow",
    "rwrist",
)
"""Joint names in order. `neck` is Human3.6M's neck/nose point, `hip` is the root."""

PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
"""Parent of each joint; -1 for the root."""

MIRROR = (0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13)
"""MIRROR[i] is the joint that joint i becomes when left and right are swapped."""
