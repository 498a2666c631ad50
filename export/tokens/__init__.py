"""Token pruning (TPM) and recovering (TRM). A new one is one file and one line here."""

from h2ot_edge.export.tokens import tpa, tpc, tpmo, tps
from h2ot_edge.export.tokens.nearest import Nearest
from h2ot_edge.export.tokens.plan import TokenPlan, format_schedule, parse_schedule
from h2ot_edge.export.tokens.recovery import Recoverer
from h2ot_edge.export.tokens.step import Pruner, PruningStep
from h2ot_edge.export.tokens.tra import TokenAttention
from h2ot_edge.export.tokens.tri import Interpolation

PRUNERS = {
    "tpc": Pruner(summary="cluster centres (HoT)", select=tpc.select),
    "tpa": Pruner(summary="most attention received", select=tpa.select, needs_attention=True),
    "tpmo": Pruner(summary="most motion", select=tpmo.select),
    "tps": Pruner(summary="evenly spaced", positions=tps.positions),
}

RECOVERERS: dict[str, type[Recoverer]] = {
    "tra": TokenAttention,
    "tri": Interpolation,
    "nearest": Nearest,
}

__all__ = [
    "PRUNERS",
    "RECOVERERS",
    "Pruner",
    "PruningStep",
    "Recoverer",
    "TokenPlan",
    "format_schedule",
    "parse_schedule",
]
