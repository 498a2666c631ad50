"""Which modules have a page, in which group. A name that moves to another module needs nothing."""

from dataclasses import dataclass

__all__ = ["GROUPS", "PAGES", "Page"]


@dataclass(frozen=True)
class Page:
    """A page of the reference.

    Attributes:
        module: full name of the module.
        only: names that are shown; () for all that the module exports.
        parts: show the docstrings of the readers in it too.
    """

    module: str
    only: tuple[str, ...] = ()
    parts: bool = False

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.module.removeprefix('h2ot_edge.')}.md"


GROUPS: dict[str, tuple[Page, ...]] = {
    "On the device": (
        Page("h2ot_edge"),
        Page("h2ot_edge.engine"),
        Page("h2ot_edge.clips"),
        Page("h2ot_edge.pose_files"),
        Page("h2ot_edge.poses"),
        Page("h2ot_edge.joint_angles"),
        Page("h2ot_edge.viewer"),
        Page("h2ot_edge.live"),
        Page("h2ot_edge.live_view"),
        Page("h2ot_edge.video"),
        Page("h2ot_edge.detectors"),
        Page("h2ot_edge.tracking"),
        Page("h2ot_edge.recording"),
        Page("h2ot_edge.drawing"),
        Page("h2ot_edge.keypoint_files"),
        Page("h2ot_edge.stages"),
        Page("h2ot_edge.readers", only=("FORMATS",), parts=True),
        Page("h2ot_edge.layouts"),
        Page("h2ot_edge.skeleton"),
        Page("h2ot_edge.missing"),
        Page("h2ot_edge.rates"),
        Page("h2ot_edge.windows"),
        Page("h2ot_edge.seams"),
        Page("h2ot_edge.filters"),
        Page("h2ot_edge.bones"),
        Page("h2ot_edge.camera"),
        Page("h2ot_edge.plot"),
        Page("h2ot_edge.sample"),
        Page("h2ot_edge.zoo"),
        Page("h2ot_edge.card"),
        Page("h2ot_edge.backends"),
        Page("h2ot_edge.backends.ort_options", only=("OnnxRuntimeOptions", "Provider")),
        Page("h2ot_edge.backends.trt_options"),
        Page("h2ot_edge.spec"),
        Page("h2ot_edge.engine_file"),
        Page("h2ot_edge.cuda"),
        Page("h2ot_edge.cuda.arrays"),
        Page("h2ot_edge.doctor"),
        Page("h2ot_edge.errors"),
    ),
    "Where models are made and measured": (
        Page("h2ot_edge.export"),
        Page("h2ot_edge.export.training"),
        Page("h2ot_edge.engines"),
        Page("h2ot_edge.engines.precision"),
        Page("h2ot_edge.benchmarks.accuracy"),
        Page("h2ot_edge.benchmarks.accuracy.evaluation"),
        Page("h2ot_edge.benchmarks.accuracy.metrics"),
        Page("h2ot_edge.benchmarks.accuracy.protocols"),
        Page("h2ot_edge.benchmarks.bench.results"),
        Page("h2ot_edge.benchmarks.compare"),
        Page("h2ot_edge.benchmarks.flops.cost"),
        Page("h2ot_edge.benchmarks.energy"),
        Page("h2ot_edge.benchmarks.latency"),
        Page("h2ot_edge.benchmarks.projection.roofline"),
    ),
}
"""The pages in the order of the index."""

PAGES = tuple(page for pages in GROUPS.values() for page in pages)
