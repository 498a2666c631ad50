"""Names of `cuda.bindings.runtime`, their numbers and texts."""

from enum import EnumMeta, IntEnum

ERRORS = {
    "cudaSuccess": (0, "no error"),
    "cudaErrorInvalidValue": (1, "invalid argument"),
    "cudaErrorMemoryAllocation": (2, "out of memory"),
    "cudaErrorInitializationError": (3, "initialization error"),
    "cudaErrorInsufficientDriver": (
        35,
        "CUDA driver version is insufficient for CUDA runtime version",
    ),
    "cudaErrorNoDevice": (100, "no CUDA-capable device is detected"),
    "cudaErrorInvalidDevice": (101, "invalid device ordinal"),
    "cudaErrorInvalidResourceHandle": (400, "invalid resource handle"),
    "cudaErrorIllegalState": (
        401,
        "the operation cannot be performed in the present state",
    ),
    "cudaErrorNotReady": (600, "device not ready"),
    "cudaErrorIllegalAddress": (700, "an illegal memory access was encountered"),
    "cudaErrorLaunchFailure": (719, "unspecified launch failure"),
    "cudaErrorStreamCaptureUnsupported": (
        900,
        "operation not permitted when stream is capturing",
    ),
    "cudaErrorStreamCaptureInvalidated": (
        901,
        "operation failed due to a previous error during capture",
    ),
    "cudaErrorStreamCaptureIsolation": (
        905,
        "dependency created on uncaptured work in another stream",
    ),
    "cudaErrorStreamCaptureImplicit": (
        906,
        "operation would make the legacy stream depend on a capturing blocking stream",
    ),
    "cudaErrorCapturedEvent": (
        907,
        "operation not permitted on an event last recorded in a capturing stream",
    ),
    "cudaErrorStreamCaptureWrongThread": (
        908,
        "attempt to terminate a thread-local capture sequence from another thread",
    ),
    "cudaErrorUnknown": (999, "unknown error"),
}


class _NoItems(EnumMeta):
    """cuda-python's enumerations cannot be subscripted."""

    def __getitem__(cls, name):
        raise TypeError(f"type '{cls.__name__}' is not subscriptable")


class Number(IntEnum, metaclass=_NoItems):
    """An enumeration of cuda-python: equal to its number."""


cudaError_t = Number("cudaError_t", {name: number for name, (number, _) in ERRORS.items()})
cudaMemcpyKind = Number(
    "cudaMemcpyKind",
    {
        "cudaMemcpyHostToHost": 0,
        "cudaMemcpyHostToDevice": 1,
        "cudaMemcpyDeviceToHost": 2,
        "cudaMemcpyDeviceToDevice": 3,
        "cudaMemcpyDefault": 4,
    },
)
cudaMemoryType = Number(
    "cudaMemoryType",
    {
        "cudaMemoryTypeUnregistered": 0,
        "cudaMemoryTypeHost": 1,
        "cudaMemoryTypeDevice": 2,
        "cudaMemoryTypeManaged": 3,
    },
)
cudaStreamCaptureMode = Number(
    "cudaStreamCaptureMode",
    {
        "cudaStreamCaptureModeGlobal": 0,
        "cudaStreamCaptureModeThreadLocal": 1,
        "cudaStreamCaptureModeRelaxed": 2,
    },
)
ENUMS = (cudaError_t, cudaMemcpyKind, cudaMemoryType, cudaStreamCaptureMode)
CONSTANTS = {
    "cudaEventDefault": 0,
    "cudaEventDisableTiming": 2,
    "cudaHostAllocDefault": 0,
    "cudaHostAllocPortable": 1,
    "cudaStreamDefault": 0,
    "cudaStreamNonBlocking": 1,
}
