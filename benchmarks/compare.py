"""Two results row by row: what changed, whether that can be believed, and which rules it breaks."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from h2ot_edge.benchmarks.compare_machines import (
    noise_of,
    other_files,
    other_hardware,
    other_settings,
)
from h2ot_edge.benchmarks.compare_rules import METRICS, Metric, Rule
from h2ot_edge.errors import InputError, Regression, UsageError

__all__ = ["Change", "Comparison", "compare", "compared"]

Document = Mapping[str, Any]


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


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What came of comparing two results.

    Attributes:
        changes: of rows that both have.
        only_before, only_after: ids of rows that the other result has not.
        warnings: why ratios may mean less than they say.
        rules: that were given.
    """

    changes: Sequence[Change]
    only_before: Sequence[str]
    only_after: Sequence[str]
    warnings: Sequence[str]
    rules: Sequence[str]

    @property
    def failures(self) -> list[Change]:
        """Changes that break a rule."""
        return [change for change in self.changes if change.failed]

    def check(self) -> None:
        """Raise unless every rule is kept.

        Raises:
            Regression: with `to_dict` as its report.
        """
        if self.failures:
            told = "; ".join(f"{c.words()} breaks {', '.join(c.failed)}" for c in self.failures)
            raise Regression(
                f"{len(self.failures)} of {len(self.changes)} figures: {told}", self.to_dict()
            )

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "changes": [
                {**asdict(c), "failed": list(c.failed), "in_noise": c.in_noise}
                for c in self.changes
            ],
            "only_before": list(self.only_before),
            "only_after": list(self.only_after),
            "warnings": list(self.warnings),
            "rules": list(self.rules),
            "failed": len(self.failures),
        }

    def text(self) -> str:
        """Everything in lines for people, the last one ended."""
        lines = [f"warning: {warning}" for warning in self.warnings]
        for change in self.changes:
            noise = ", within the noise" if change.in_noise else ""
            broken = f", breaks {', '.join(change.failed)}" if change.failed else ""
            lines.append(f"{change.words()}{noise}{broken}")
        lines += [f"only in the first: {row}" for row in self.only_before]
        lines += [f"only in the second: {row}" for row in self.only_after]
        if self.rules:
            verdict = f"{len(self.failures)} figures break" if self.failures else "all keep"
            lines.append(f"{verdict} the rules {', '.join(self.rules)}")
        return "\n".join(lines) + "\n"


def compare(before: Document, after: Document, fail_if: Sequence[str] = ()) -> Comparison:
    """Compare two results and hold the change against rules.

    Args:
        before: a result, valid by its schema; ratios are to it.
        after: another one.
        fail_if: rules, see `Rule`; each is held against every row that has its figure.

    Raises:
        UsageError: a rule is none, or is of a change of speed between two machines.
        UnknownName: a rule is of an unknown figure.
        InputError: the results have nothing in common, or a rule nothing to be held against.
        Regression: a rule is broken; with the comparison as its report.
    """
    comparison = compared(before, after, fail_if)
    comparison.check()
    return comparison


def compared(before: Document, after: Document, fail_if: Sequence[str] = ()) -> Comparison:
    """As `compare`, but broken rules are noted only.

    Raises:
        UsageError, UnknownName, InputError: as `compare`.
    """
    rules = [Rule.parse(text) for text in fail_if]
    others = list(other_hardware(before["machine"], after["machine"]))
    _check_machines(rules, others)
    olds, news = (dict(_subjects(document)) for document in (before, after))
    warnings = [f"different {what}: ratios say nothing about the code" for what in others]
    warnings += [*noise_of(before, "first"), *noise_of(after, "second")]
    warnings += [*other_settings(before["machine"], after["machine"]), *other_files(before, after)]
    changes = list(_changes(olds, news, rules, warnings))
    _check_something(changes, rules)
    return Comparison(
        changes=changes,
        only_before=_lacking(olds, news),
        only_after=_lacking(news, olds),
        warnings=warnings,
        rules=list(fail_if),
    )


@dataclass(frozen=True)
class _Subject:
    """A row, or a model: what has figures."""

    kind: str | None
    figures: Mapping[str, Any]
    problem: str | None


_CONDITIONS: Mapping[str, Sequence[str]] = {
    "accuracy": ("reference", "data"),
    "stream": ("lookahead", "hop", "seconds"),
}
"""Figures that must be the same before others can be compared."""

_Key = tuple[str, str]  # "model" or "row", and its id


def _subjects(document: Document) -> Iterator[tuple[_Key, _Subject]]:
    for name, model in document["models"].items():
        yield ("model", name), _Subject(None, model, None)
    for row in document["rows"]:
        why = ", ".join(row["problems"]) or "no reason is given"
        problem = None if row["valid"] else f"not valid ({why})"
        yield ("row", row["id"]), _Subject(row["kind"], row["figures"], problem)


def _lacking(here: Iterable[_Key], there: Mapping[_Key, _Subject]) -> list[str]:
    return [name for what, name in here if what == "row" and (what, name) not in there]


def _changes(
    olds: Mapping[_Key, _Subject],
    news: Mapping[_Key, _Subject],
    rules: Sequence[Rule],
    warnings: list[str],
) -> Iterator[Change]:
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


def _unkept(row: str, old: _Subject, rules: Sequence[Rule]) -> Iterator[Change]:
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


def _not_comparable(old: _Subject, new: _Subject) -> str | None:
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
    row: str, name: str, metric: Metric, pair: tuple[_Subject, _Subject], rules: Sequence[Rule]
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


def _check_machines(rules: Iterable[Rule], others: Sequence[str]) -> None:
    for rule in rules:
        if others and rule.needs_one_machine:
            raise UsageError(
                f"--fail-if {rule.text!r}: the results are of different machines "
                f"({'; '.join(others)}), so a change says nothing about the code; measure both on "
                f"one machine, or give a limit of its own, such as "
                f"'{rule.metric}>8{METRICS[rule.metric].unit}'"
            )


def _check_something(changes: Sequence[Change], rules: Iterable[Rule]) -> None:
    of_rows = any(METRICS[change.metric].kind is not None for change in changes)
    if not of_rows and not any(METRICS[rule.metric].kind is None for rule in rules):
        raise InputError(
            "the two results have no valid row in common, so there is nothing to compare; rows "
            "belong together if model, backend, device, threads, scenario and boundary are the same"
        )
    found = {change.metric for change in changes}
    for rule in rules:
        if rule.metric not in found:
            raise InputError(
                f"--fail-if {rule.text!r}: no row that both results have has {rule.metric}, so the "
                f"rule was held against nothing; there is {', '.join(sorted(found))}"
            )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
