"""Training a backbone on motion capture: `h2ot-train`.

Letters: b windows, f frames of a window, j joints, c channels.
"""

from h2ot_edge.export.training.recipe import Recipe, Stage, make_stages
from h2ot_edge.export.training.run import train

__all__ = ["Recipe", "Stage", "make_stages", "train"]
