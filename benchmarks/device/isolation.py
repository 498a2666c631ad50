"""Running a step so that whatever happens to it is written down."""

import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from h2ot_edge.benchmarks.device.setting import NOT_HERE, Found, Setting

__all__ = ["PATIENCE", "Step", "run_step"]

PATIENCE = 3600.0
"""Seconds for a step; an engine for a small Jetson takes many minutes to build."""

TO_END = 60.0
"""Seconds to end, for a process that has answered; freeing a GPU takes a moment."""

Step = Callable[[Setting], Found]
Answer = dict[str, Any]


def run_step(step: Step, setting: Setting, patience: float = PATIENCE) -> Answer:
    """Run a step in a process of its own.

    Args:
        step: a function of a module.
        setting: what it is told.
        patience: seconds after which it is killed.

    Returns:
        `status`, which is `passed`, `failed` or `not possible`; `seconds`; `line`; and `figures`
        or a `traceback`, if there are any.
    """
    # Not fork: CUDA does not survive it, and steps must not share what they load.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(step, setting, sender))
    start = time.perf_counter()
    process.start()
    sender.close()  # so that the process's end is the pipe's end
    ready = receiver.poll(patience)
    answer = _received(receiver) if ready else None
    process.join(TO_END if ready else 0)
    why = _stopped(process, patience) or _ended_badly(process.exitcode)
    if why is not None or answer is None:
        after = f", after: {answer['line']}" if answer else ""
        answer = _failed(f"{why or 'ended without a word'}{after}")
    return {"seconds": round(time.perf_counter() - start, 2), **answer}


def _child(step: Step, setting: Setting, sender: "Connection[Any, Any]") -> None:
    try:
        found = step(setting)
        answer = {"status": "passed", "line": found.line, "figures": found.figures}
    except NOT_HERE as error:
        answer = {"status": "not possible", "line": str(error)}
    except BaseException as error:
        said = " ".join(str(error).split())
        answer = _failed(f"{type(error).__name__}: {said}", traceback=traceback.format_exc())
    sender.send(answer)


def _received(receiver: "Connection[Any, Any]") -> Answer | None:
    try:
        answer: Answer = receiver.recv()
    except EOFError:
        return None
    return answer


def _stopped(process: Any, patience: float) -> str | None:
    """Kill a process that is still there, and say so."""
    if process.exitcode is not None:
        return None
    process.kill()
    process.join()
    return f"did not end within {patience:g} s"


def _ended_badly(status: int | None) -> str | None:
    if not status:
        return None
    return (
        f"ended with status {status}" if status > 0 else f"crashed ({signal.Signals(-status).name})"
    )


def _failed(line: str, **more: str) -> Answer:
    return {"status": "failed", "line": line, **more}
