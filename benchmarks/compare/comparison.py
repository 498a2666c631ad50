"""Two results row by row: what changed, whether that can be believed, and which rules it breaks."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from h2ot_edge.benchmarks.compare.changes import Change, changes_between, lacking, subjects_of
from h2ot_edge.benchmarks.compare.machines import (
    noise_of,
    other_files,
    other_hardware,
    other_settings,
)
from h2ot_edge.benchmarks.compare.rules import METRICS, Rule
from h2ot_edge.errors import InputError, Regression, UsageError

__all__ = ["Comparison", "check_in_common", "compare", "compared"]

Document = Mapping[str, Any]

_TOGETHER = (
    "rows belong together if model, backend, device, threads, scenario and boundary are the same"
)


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
    olds, news = (dict(subjects_of(document)) for document in (before, after))
    warnings = [f"different {what}: ratios say nothing about the code" for what in others]
    warnings += [*noise_of(before, "first"), *noise_of(after, "second")]
    warnings += [*other_settings(before["machine"], after["machine"]), *other_files(before, after)]
    changes = list(changes_between(olds, news, rules, warnings))
    _check_something(changes, rules)
    return Comparison(
        changes=changes,
        only_before=lacking(olds, news),
        only_after=lacking(news, olds),
        warnings=warnings,
        rules=list(fail_if),
    )


def check_in_common(before: Document, rows: Collection[str]) -> None:
    """Raise, before anything is measured, if a comparison would have nothing to compare.

    Args:
        before: a result.
        rows: ids of the rows that the second one will have.

    Raises:
        InputError: the result has no valid row of these.
    """
    kinds = {metric.kind for metric in METRICS.values()}
    if not any(
        row["id"] in rows and row["kind"] in kinds and row["valid"] for row in before["rows"]
    ):
        raise InputError(f"the baseline has no valid row of what is to be measured; {_TOGETHER}")


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
            "the two results have no valid row in common, so there is nothing to compare; "
            f"{_TOGETHER}"
        )
    found = {change.metric for change in changes}
    for rule in rules:
        if rule.metric not in found:
            raise InputError(
                f"--fail-if {rule.text!r}: no row that both results have has {rule.metric}, so the "
                f"rule was held against nothing; there is {', '.join(sorted(found))}"
            )
