"""What changed from one result to another, row by row."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from h2ot_edge.benchmarks.compare.rules import METRICS, Metric, Rule

__all__ = ["Change", "Key", "Subject", "changes_between", "lacking", "subjects_of"]

Document = Mapping[str, Any]

Key = tuple[str, str]
"""`model` or `row`, and its id."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A figure in both results.

    Attributes:
        row: id of the row, or of the model for `flops`.
        metric: name in `METRICS`.
        before, after: in the first and in the second result; None if only the other has it.
        unit: of both.
        ratio: after over before; None if there is none.
        spread: by how much the ratio varies by chance, relative: the spreads of both results
            together; None if it is not known.
        failed: the rules that it breaks.
    """

    row: str
    metric: str
    before: float | None
    after: float | None
    unit: str
    ratio: float | None
    spread: float | None
    failed: tuple[str, ...]

    @property
    def in_noise(self) -> bool:
        """Whether chance explains it."""
        known = self.ratio is not None and self.spread is not None
        return known and abs((self.ratio or 0.0) - 1) <= (self.spread or 0.0)

    def words(self) -> str:
        """The change in one line."""
        values = f"{_number(self.before)} -> {_number(self.after)} {self.unit}"
        if self.ratio is None:
            return f"{self.row}: {self.metric} {values}"
        spread = "" if self.spread is None else f" +- {self.spread:.1%}"
        return f"{self.row}: {self.metric} {values} ({self.ratio - 1:+.1%}{spread})"


@dataclass(frozen=True)
class Subject:
    """A row, or a model: what has figures.

    Attributes:
        kind: of the row; None of a model.
        figures: of the row, or the model's entry.
        problem: why they are not compared; None if they are.
    """

    kind: str | None
    figures: Mapping[str, Any]
    problem: str | None


_CONDITIONS: Mapping[str, Sequence[str]] = {
    "accuracy": ("reference", "data"),
    "stream": ("lookahead", "hop", "seconds"),
}
"""Figures that must be the same before others can be compared."""


def subjects_of(document: Document) -> Iterator[tuple[Key, Subject]]:
    """Everything in a result that has figures."""
    for name, model in document["models"].items():
        yield ("model", name), Subject(None, model, None)
    for row in document["rows"]:
        why = ", ".join(row["problems"]) or "no reason is given"
        problem = None if row["valid"] else f"not valid ({why})"
        yield ("row", row["id"]), Subject(row["kind"], row["figures"], problem)


def lacking(here: Iterable[Key], there: Mapping[Key, Subject]) -> list[str]:
    """Ids of rows that the other result has not."""
    return [name for what, name in here if what == "row" and (what, name) not in there]


def changes_between(
    olds: Mapping[Key, Subject],
    news: Mapping[Key, Subject],
    rules: Sequence[Rule],
    warnings: list[str],
) -> Iterator[Change]:
    """The figures that both have, and those that a rule asks for and the second has not.

    Args:
        olds: of the first result.
        news: of the second.
        rules: held against each figure.
        warnings: gets a line for each row that is left out.
    """
    for key, old in olds.items():
        name, new = key[1], news.get(key)
        if new is None:
            yield from _unkept(name, old, rules)
            continue
        problem = _not_comparable(old, new)
        if problem is not None:
            warnings.append(f"{name}: left out, {problem}")
            if old.problem is None:
                yield from _unkept(name, old, rules)
            continue
        for metric_name, metric in METRICS.items():
            if metric.kind == old.kind:
                change = _change(name, metric_name, metric, (old, new), rules)
                if change is not None:
                    yield change


def _unkept(row: str, old: Subject, rules: Sequence[Rule]) -> Iterator[Change]:
    """Rules that were to be held against figures which the second result does not have."""
    for name, metric in METRICS.items():
        broken = tuple(rule.text for rule in rules if rule.metric == name)
        before = metric.value(old.figures) if metric.kind == old.kind and broken else None
        if before is not None:
            yield Change(
                row=row,
                metric=name,
                before=_finite(before),
                after=None,
                unit=metric.unit,
                ratio=None,
                spread=None,
                failed=broken,
            )


def _not_comparable(old: Subject, new: Subject) -> str | None:
    for which, subject in (("first", old), ("second", new)):
        if subject.problem is not None:
            return f"{subject.problem} in the {which} result"
    if old.kind != new.kind:
        return f"of kind {old.kind} in the first result and {new.kind} in the second"
    for name in _CONDITIONS.get(old.kind or "", ()):
        then, now = old.figures[name], new.figures[name]
        if then != now:
            return f"{name} is {then} in the first result and {now} in the second"
    calls = [subject.figures.get("windows_per_call") for subject in (old, new)]
    if calls[0] != calls[1]:
        return f"{calls[0]} windows a call in the first result and {calls[1]} in the second"
    return None


def _change(
    row: str, name: str, metric: Metric, pair: tuple[Subject, Subject], rules: Sequence[Rule]
) -> Change | None:
    before, after = (metric.value(subject.figures) for subject in pair)
    if before is None and after is None:
        return None
    broken = tuple(
        rule.text
        for rule in rules
        # A figure that one result lacks cannot be shown to keep the rule.
        if rule.metric == name
        and (before is None or after is None or not rule.allows(before, after))
    )
    ratio = None if before is None or after is None or before == 0 else after / before
    spreads = [metric.spread(subject.figures) for subject in pair]
    return Change(
        row=row,
        metric=name,
        before=_finite(before),
        after=_finite(after),
        unit=metric.unit,
        ratio=_finite(ratio),
        spread=None if None in spreads else _finite(sum(s for s in spreads if s is not None)),
        failed=broken,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
