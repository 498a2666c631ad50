"""Human3.6M's own 17 joints, which change nothing."""

from h2ot_edge.layouts.layout import Layout
from h2ot_edge.skeleton import JOINTS

__all__ = ["H36M17"]

H36M17 = Layout(
    name="h36m",
    title="Human3.6M, 17 joints",
    joints=JOINTS,
    sources={joint: {joint: 1.0} for joint in JOINTS},
    origin="order: h2ot_edge.skeleton",
)
