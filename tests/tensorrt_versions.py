"""Versions of TensorRT to test with, and stand-ins that have exactly the names of each."""

from cuda_stand_in import make_cuda_runtime
from tensorrt_stand_in import make_tensorrt

OLD = ("8.5.2.2", "8.6.1")
BOTH = ("10.3.0", "10.13.3.9", "10.16.1.11")
STRONG_ONLY = ("11.0.0.114", "11.4.0.106", "tensorrt-rtx")
TENSORRT = ("8.6.1", *BOTH, "11.0.0.114", "11.4.0.106")
ALL = (*OLD, *BOTH, *STRONG_ONLY)


def module_of(version, **options):
    """A stand-in; 8.5 is 8.6 without what 8.6 brought."""
    if version != "8.5.2.2":
        return make_tensorrt(version, make_cuda_runtime("Orin"), **options)
    trt = make_tensorrt("8.6.1", make_cuda_runtime("Orin"), **options)
    trt.__version__ = version
    trt.stand_in.version = (8, 5, 2, 2)
    del trt.HardwareCompatibilityLevel, trt.BuilderFlag.VERSION_COMPATIBLE
    del trt.IBuilderConfig.builder_optimization_level
    del trt.IBuilderConfig.hardware_compatibility_level
    del trt.PreviewFeature.PROFILE_SHARING_0806
    return trt
