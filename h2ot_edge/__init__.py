"""h2ot-edge: pruned video pose transformers on the device."""

from h2ot_edge._version import __version__
from h2ot_edge.card import ModelCard
from h2ot_edge.errors import H2OTError

__all__ = ["H2OTError", "ModelCard", "__version__"]
