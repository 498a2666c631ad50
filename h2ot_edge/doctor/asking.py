"""Asking every library in a process of its own, all at a time."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "ask"]

PATIENCE = 20.0
"""Seconds for a library to load and answer; from a cold memory card they take long."""

# With this process's sys.path, not with the current folder first: a file there may have the name
# of a library.
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from h2ot_edge.doctor.probes import main; main(sys.argv[2])"
)


@dataclass(frozen=True)
class Answer:
    """What a probe found.

    Attributes:
        there: whether the library is installed.
        why: what is wrong, None if nothing is.
        fix: what helps, if the library's backend says so.
        facts: what was learnt, until it went wrong.
    """

    there: bool = True
    why: str | None = None
    fix: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def works(self) -> bool:
        """Installed, and nothing wrong."""
        return self.there and self.why is None


def ask(names: Iterable[str]) -> dict[str, Answer]:
    """Run probes; a library that crashes or hangs is an answer too."""
    names = list(names)
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        return dict(zip(names, pool.map(_ask, names), strict=True))


def _ask(name: str) -> Answer:
    command = [sys.executable, "-c", _CODE, json.dumps(sys.path), name]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        return Answer(why=f"did not answer within {PATIENCE:g} s")
    if done.returncode < 0:
        return Answer(why=f"crashed ({_signal(-done.returncode)})")
    try:
        return Answer(**json.loads(done.stdout))
    except ValueError:
        said = done.stderr.decode(errors="replace").splitlines()
        return Answer(why=f"gave no answer: {said[-1] if said else 'and no reason'}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
