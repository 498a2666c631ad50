"""What the doctor finds."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "State", "Verdict"]

State = Literal["works", "warning", "not here", "broken"]
Verdict = tuple[State, str, str | None]
"""State, why and fix of a finding."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: short and stable, for programs.
        what: the same for people.
        state: `works`; `warning`, if it works or may work, but not as one expects; `not here`, if
            something is not installed or not on this machine; `broken`, if it is and fails.
        why: what was seen.
        fix: what to do, None if nothing can or need be done.
    """

    name: str
    what: str
    state: State
    why: str
    fix: str | None = None

    @property
    def usable(self) -> bool:
        """Whether it can be used."""
        return self.state in ("works", "warning")
