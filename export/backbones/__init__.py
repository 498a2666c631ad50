"""The backbones. A new one is one file and one line here."""

from h2ot_edge.export.backbones import mhformer, mixste, motionagformer, motionbert
from h2ot_edge.export.backbones.base import Backbone
from h2ot_edge.export.backbones.family import Family, Variant

BACKBONES: dict[str, Family] = {
    "motionbert": motionbert.FAMILY,
    "mixste": mixste.FAMILY,
    "mhformer": mhformer.FAMILY,
    "motionagformer": motionagformer.FAMILY,
}

__all__ = ["BACKBONES", "Backbone", "Family", "Variant"]
