"""Stands in for `pynvml` where there is no NVIDIA driver: the names that are used, and no others.

`test_energy_nvml.py` looks every name up in the real one. It is not the library: what it says of
how that behaves is from NVIDIA's NVML API Reference Guide.
"""


class NVMLError(Exception):
    """Of every function."""


class Gpu:
    """A GPU, which also is its handle."""

    def __init__(self, uuid="GPU-0", *, millijoules=None, milliwatts=None, reasons=0):
        self.uuid, self.reasons = uuid, reasons
        self.millijoules, self.milliwatts = millijoules, milliwatts


class Nvml:
    """The module, with some GPUs; None is a driver that is not there."""

    NVMLError = NVMLError
    nvmlClocksThrottleReasonHwSlowdown = 0x08
    nvmlClocksThrottleReasonSwThermalSlowdown = 0x20
    nvmlClocksThrottleReasonHwThermalSlowdown = 0x40
    nvmlClocksThrottleReasonHwPowerBrakeSlowdown = 0x80

    def __init__(self, gpus):
        self.gpus, self.opened = gpus, 0

    def nvmlInit(self):
        if self.gpus is None:
            raise NVMLError("NVML Shared Library Not Found")
        self.opened += 1

    def nvmlShutdown(self):
        self.opened -= 1

    def nvmlDeviceGetCount(self):
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):
        if index >= len(self.gpus):
            raise NVMLError("Invalid Argument")
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid):
        for gpu in self.gpus:
            if gpu.uuid == uuid:
                return gpu
        raise NVMLError("Not Found")

    def nvmlDeviceGetName(self, gpu):
        return f"NVIDIA RTX {gpu.uuid}"

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu):
        return told(gpu.millijoules)

    def nvmlDeviceGetPowerUsage(self, gpu):
        return told(gpu.milliwatts)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu):
        return told(gpu.reasons)


def told(value):
    """A value, or that this GPU does not know it."""
    if value is None:
        raise NVMLError("Not Supported")
    return value
