"""Errors of h2ot_edge, one tree.

* H2OTError
  + MissingExtra        a library is not installed; the message names the extra that brings it
  + UsageError          options that are wrong or contradict each other
    + UnknownName         no such model, backbone, variant, pruner, recoverer, ... or device
    + ScheduleError       a pruning schedule that cannot be carried out
  + InputError          keypoints or a clip with the wrong shape, type or values
  + ModelFileError      not a model file, truncated, or without a readable model card
    + EngineMismatch      an engine that was built for another GPU or TensorRT
  + CheckpointError     a weights file that cannot be read or does not fit the backbone
  + DeviceUnavailable   the device asked for is not there; there is never a fallback
  + DeviceError         a device that is there failed: a call of CUDA or TensorRT, out of memory
  + EngineClosed        an engine was used after `close()`
  + OutputError         the model gave NaN or infinity
  + ExportError         the exported graph broke a promise (static, deterministic, shapes known)
  + CheckFailed         a comparison that failed, with its report
    + ParityError         outputs differ from the reference by more than the tolerance
    + PrecisionRejected   a lower precision drifts too far, or is not faster
    + Regression          a benchmark got worse than a rule allows
  + BuildError          TensorRT rejected the graph or could not build it

Every message says what was expected, what came, and what to do.
"""

from typing import Any

__all__ = [
    "BuildError",
    "CheckFailed",
    "CheckpointError",
    "DeviceError",
    "DeviceUnavailable",
    "EngineClosed",
    "EngineMismatch",
    "ExportError",
    "H2OTError",
    "InputError",
    "MissingExtra",
    "ModelFileError",
    "OutputError",
    "ParityError",
    "PrecisionRejected",
    "Regression",
    "ScheduleError",
    "UnknownName",
    "UsageError",
]


class H2OTError(Exception):
    """Base of every error that h2ot_edge raises on purpose."""

    exit_status = 2
    """What a command returns to the shell: 2 for wrong use, 1 for a check that failed."""


class MissingExtra(H2OTError):
    """A library is not installed; the message names the extra that brings it."""


class UsageError(H2OTError):
    """Options that are wrong or contradict each other."""


class UnknownName(UsageError):
    """A name that no registry knows."""


class ScheduleError(UsageError):
    """A pruning schedule that cannot be carried out."""


class InputError(H2OTError):
    """Keypoints or a clip with the wrong shape, type or values."""


class ModelFileError(H2OTError):
    """Not a model file, a truncated one, or one without a readable model card."""


class EngineMismatch(ModelFileError):
    """An engine that was built for another GPU or another TensorRT."""


class CheckpointError(H2OTError):
    """A weights file that cannot be read or does not fit the backbone."""


class DeviceUnavailable(H2OTError):
    """The device asked for is not there."""


class DeviceError(H2OTError):
    """A device that is there failed: a call of CUDA or TensorRT, or it is out of memory."""

    exit_status = 1


class EngineClosed(H2OTError):
    """An engine was used after `close()`."""


class OutputError(H2OTError):
    """The model gave NaN or infinity for finite keypoints."""

    exit_status = 1


class ExportError(H2OTError):
    """The exported graph broke a promise."""

    exit_status = 1


class CheckFailed(H2OTError):
    """A comparison that failed.

    Attributes:
        report: what was measured, as a JSON-ready dictionary.
    """

    exit_status = 1

    def __init__(self, message: str, report: dict[str, Any]) -> None:
        super().__init__(message)
        self.report = report


class ParityError(CheckFailed):
    """Outputs differ from the reference by more than the tolerance."""


class PrecisionRejected(CheckFailed):
    """A model of lower precision drifts too far from its source, or is not faster."""


class Regression(CheckFailed):
    """A figure of a benchmark is worse than a rule allows."""


class BuildError(H2OTError):
    """TensorRT rejected the graph or could not build it."""

    exit_status = 1
