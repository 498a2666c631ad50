"""Engines as a build leaves them, without TensorRT, and processes that ask for them.

A process is `python cached_engines.py FOLDER KEY`: it says `building` when it builds, waits for a
line from whoever started it, and prints the plan it was given.
"""

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from h2ot_edge.engines.cache import EngineCache

KEY = {
    "name": "motionbert-s",
    "onnx_sha256": "ab" * 32,
    "options": {"batch": [1, 1, 8], "workspace_mib": None},
    "gpu": {"name": "Orin", "compute_capability": "8.7"},
    "tensorrt": "10.3.0",
    "target": "tensorrt",
}
DIGEST = "a73cd895d33fa95d"
ENGINE = f"motionbert-s-{DIGEST}"
PLAN = bytes(range(256)) * 40

BUILDING = (
    "building an engine of 'motionbert-s' for Orin (8.7), which can take minutes; it is kept in "
    "{folder}"
)
NOT_KEPT = (
    "{folder}: the engine of 'motionbert-s' cannot be kept there ({error}); set H2OT_HOME to a "
    "folder on a local disk that can be written"
)


def other_key(number):
    return {**KEY, "options": {"number": number}}


def write_engine(path, plan=PLAN, **changes):
    """What a build writes: a plan and its sidecar."""
    sidecar = {
        "schema_version": 1,
        "card": {"backbone": "motionbert", "precision": {"name": "fp16"}},
        "target": "tensorrt",
        "tensorrt": "10.3.0",
        "gpu": KEY["gpu"],
        "plan_sha256": hashlib.sha256(plan).hexdigest(),
        "plan_bytes": len(plan),
        "build_seconds": 311.6,
        **changes,
    }
    path.write_bytes(plan)
    path.with_name(path.name + ".json").write_text(json.dumps(sidecar), encoding="utf-8")


def not_needed(path):
    raise AssertionError(f"{path} was built")


def flip(path):
    """One bit, in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def messages(caplog):
    """What was logged since the last call."""
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def files_of(plan):
    return [plan.name, f"{plan.name}.json", f"{plan.name}.sha256"]


@contextmanager
def asking(folder, key=KEY, **options):
    """A process that asks for an engine; killed at the end, or if it takes long."""
    command = [sys.executable, __file__, str(folder), json.dumps(key)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes, **options, text=True) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def finish(process):
    """Let a process go on; what it still says to stdout and stderr."""
    return process.communicate("go on\n", timeout=60)


def _main(folder, key):
    logging.basicConfig(format="%(message)s")

    def build(path):
        path.write_bytes(PLAN[:100])
        print("building", flush=True)
        sys.stdin.readline()
        write_engine(path, tensorrt=f"built by {os.getpid()}")

    print(EngineCache(Path(folder)).get_or_build(json.loads(key), build))


if __name__ == "__main__":
    _main(*sys.argv[1:])
