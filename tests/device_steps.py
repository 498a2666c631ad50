"""Steps for the tests of `device_check`; processes of their own import them by name."""

import os
import signal
import time
from multiprocessing import util

from h2ot_edge.benchmarks.device.setting import Found, NotPossible
from h2ot_edge.errors import DeviceUnavailable, MissingExtra, UsageError


def passes(setting):
    return Found("well", {"device": setting.device, "process": os.getpid()})


def lacks_a_gpu(setting):
    raise DeviceUnavailable("cuda:0: there is none")


def lacks_a_library(setting):
    raise MissingExtra("no tensorrt")


def lacks_a_file(setting):
    raise NotPossible("nothing was built")


def is_wrong(setting):
    raise UsageError("two\nlines")


def exits(setting):
    raise SystemExit(3)


def crashes(setting):
    os.kill(os.getpid(), signal.SIGSEGV)


def vanishes(setting):
    os._exit(0)


def hangs(setting):
    time.sleep(60)


def crashes_after_it_passed(setting):
    # As a library does that frees things in the wrong order; multiprocessing skips atexit.
    util.Finalize(None, os.kill, args=(os.getpid(), signal.SIGABRT), exitpriority=1)
    return Found("well", {})
