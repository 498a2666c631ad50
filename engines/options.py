"""What an engine is built with."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal

from h2ot_edge._names import look_up
from h2ot_edge._tensorrt import TARGETS, Target
from h2ot_edge.errors import UsageError

__all__ = ["HARDWARE", "TYPINGS", "Batch", "BuildOptions", "batch_of_text"]

Batch = tuple[int, int, int]
HARDWARE = ("none", "ampere+", "same")
TYPINGS = ("auto", "strong", "weak")


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """One build, completely described but for the graph and the machine.

    Attributes:
        target: the library.
        batch: the fewest, the usual and the most windows of a call; used only where the graph
            leaves its batch free.
        workspace_mib: most scratch memory that a layer may take, in MiB; None for all.
        optimization_level: 0 (fast build) to 5 (fast engine); None for the library's own, 3.
        typing: `strong` takes every type from the graph; `weak` allows the library more precise
            ones, and is all that TensorRT 8 has; `auto` is strong where it can be.
        version_compatible: whether later versions may load the engine.
        hardware_compatibility: `none`; `ampere+`, every GPU from Ampere on; `same`, every one of
            the same compute capability.
        refit: whether the weights may be exchanged later.
        strip_weights: leave the weights out; they are put in before the engine can run.
        dla_core: of a Jetson's deep learning accelerators; what it cannot run, the GPU does.
        compute_capability: GPU to build for, such as `SM86`; TensorRT-RTX only, None for any from
            Ampere on.
        layer_details: keep in the engine what `--profile` tells of its layers.
    """

    target: Target = "tensorrt"
    batch: Batch = (1, 1, 8)
    workspace_mib: int | None = None
    optimization_level: int | None = None
    typing: Literal["auto", "strong", "weak"] = "auto"
    version_compatible: bool = False
    hardware_compatibility: Literal["none", "ampere+", "same"] = "none"
    refit: bool = False
    strip_weights: bool = False
    dla_core: int | None = None
    compute_capability: str | None = None
    layer_details: bool = False

    def __post_init__(self) -> None:
        look_up("target", self.target, dict.fromkeys(TARGETS))
        look_up("typing", self.typing, dict.fromkeys(TYPINGS))
        look_up("hardware compatibility", self.hardware_compatibility, dict.fromkeys(HARDWARE))
        if not 1 <= self.batch[0] <= self.batch[1] <= self.batch[2]:
            raise UsageError(
                f"batch {self.batch}: expected three positive numbers in ascending order"
            )
        self._check_range("workspace_mib", 1, None)
        self._check_range("optimization_level", 0, 5)
        self._check_range("dla_core", 0, None)
        if self.refit and self.strip_weights:
            raise UsageError("refit, strip_weights: an engine without weights can be refitted; "
                             "give strip_weights alone")  # fmt: skip
        self._check_target()

    def _check_range(self, name: str, lowest: int, highest: int | None) -> None:
        value = getattr(self, name)
        if value is None or (lowest <= value and (highest is None or value <= highest)):
            return
        expected = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"
        raise UsageError(f"{name} {value}: expected {expected}")

    def _check_target(self) -> None:
        """Refuse what the target has not."""
        if self.target == "tensorrt" and self.compute_capability is not None:
            raise UsageError(
                f"compute_capability {self.compute_capability}: TensorRT builds for the GPU that "
                "is there; only the target tensorrt-rtx builds for another"
            )
        if self.target == "tensorrt-rtx":
            absent = {
                "dla_core": self.dla_core is not None,
                "hardware_compatibility": self.hardware_compatibility != "none",
                "version_compatible": self.version_compatible,
                "typing": self.typing == "weak",
            }
            for name in (name for name, given in absent.items() if given):
                raise UsageError(
                    f"{name} {getattr(self, name)}: the target tensorrt-rtx has no such option; "
                    "leave it out, or give the target tensorrt"
                )

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON has them; equal options give equal dictionaries."""
        return {**dataclasses.asdict(self), "batch": list(self.batch)}


def batch_of_text(text: str) -> Batch:
    """`MIN:OPT:MAX`, or one number for all three.

    Raises:
        UsageError: it is neither.
    """
    if re.fullmatch(r"\d+", text):
        return (int(text), int(text), int(text))
    found = re.fullmatch(r"(\d+):(\d+):(\d+)", text)
    if found is None:
        raise UsageError(f"batch {text!r}: expected MIN:OPT:MAX such as 1:4:16, or one number")
    fewest, usual, most = (int(number) for number in found.groups())
    return (fewest, usual, most)
