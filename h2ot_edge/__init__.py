"""h2ot-edge: pruned video pose transformers on the device.

from h2ot_edge import Engine

with Engine.load("motionbert.onnx") as engine:
poses = engine.infer(keypoints, image_size=(1920, 1080))  # (t, 17, 2|3) -> (t, 17, 3)
"""

import logging

from h2ot_edge._version import __version__
from h2ot_edge.card import ModelCard
from h2ot_edge.clips import Clip, read_clip, read_clips
from h2ot_edge.engine import Engine
from h2ot_edge.errors import (
    BuildError,
    CheckFailed,
    CheckpointError,
    DeviceError,
    DeviceUnavailable,
    EngineClosed,
    EngineMismatch,
    ExportError,
    H2OTError,
    InputError,
    MissingExtra,
    ModelFileError,
    OutputError,
    ParityError,
    PrecisionRejected,
    Regression,
    ScheduleError,
    UnknownName,
    UsageError,
)
from h2ot_edge.pose_files import read_poses, write_poses
from h2ot_edge.poses import Poses

__all__ = [
    "BuildError",
    "CheckFailed",
    "CheckpointError",
    "Clip",
    "DeviceError",
    "DeviceUnavailable",
    "Engine",
    "EngineClosed",
    "EngineMismatch",
    "ExportError",
    "H2OTError",
    "InputError",
    "MissingExtra",
    "ModelCard",
    "ModelFileError",
    "OutputError",
    "ParityError",
    "Poses",
    "PrecisionRejected",
    "Regression",
    "ScheduleError",
    "UnknownName",
    "UsageError",
    "__version__",
    "read_clip",
    "read_clips",
    "read_poses",
    "write_poses",
]

# A library stays silent until its user asks to hear it.
logging.getLogger(__name__).addHandler(logging.NullHandler())
