"""Token pruning (TPM) and recovering (TRM). A new pruner is one file and one line here."""

from h2ot_edge.export.tokens import tpa, tpc, tpmo, tps
from h2ot_edge.export.tokens.plan import TokenPlan, format_schedule, parse_schedule
from h2ot_edge.export.tokens.step import Pruner, PruningStep

PRUNERS = {
    "tpc": Pruner(summary="cluster centres (HoT)", select=tpc.select),
    "tpa": Pruner(summary="most attention received", select=tpa.select, needs_attention=True),
    "tpmo": Pruner(summary="most motion", select=tpmo.select),
    "tps": Pruner(summary="evenly spaced", positions=tps.positions),
}

RECOVERERS = {
    "tra": "learned attention (HoT); needs weights trained with it",
    "tri": "linear interpolation of the poses; no weights",
    "nearest": "the nearest kept frame's pose; no weights",
}

__all__ = [
    "PRUNERS",
    "RECOVERERS",
    "Pruner",
    "PruningStep",
    "TokenPlan",
    "format_schedule",
    "parse_schedule",
]
