"""Motion capture as what a detector would see of it: reading motions, filming them, spoiling them.

Letters: b windows, f frames of a window, t frames of a motion, j joints.
"""
