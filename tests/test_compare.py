"""Two results compared, and rules that fail a comparison."""

import json

import pytest
from bench_documents import (
    accuracy_row,
    cold_row,
    cost,
    cpu_machine,
    document,
    energy,
    gpu_machine,
    jetson_machine,
    latency_row,
    model,
    stream_row,
)

from h2ot_edge.benchmarks.compare import compare, compared
from h2ot_edge.benchmarks.compare.rules import METRICS, Rule
from h2ot_edge.errors import InputError, Regression, UnknownName, UsageError

LATENCY = "latency/small/onnxruntime/cpu/1/single/host"


def message(error, call, *args):
    with pytest.raises(error) as caught:
        call(*args)
    return str(caught.value)


def one(median_ms=20.0, **changes):
    return document(rows=[latency_row(median_ms, **changes)])


def changes_of(comparison):
    return {(change.row, change.metric): change for change in comparison.changes}


def test_the_documents_of_the_tests_are_results():
    results = pytest.importorskip("h2ot_edge.benchmarks.bench.results")
    pytest.importorskip("jsonschema")
    for found in (document(), one(energy=energy()), document(machine=gpu_machine())):
        results.check_document(json.loads(json.dumps(found)), "document")
    results.check_document(json.loads(json.dumps(document(machine=jetson_machine()))), "jetson")


def test_ratios_with_their_spread():
    found = compare(one(20.0, spread=0.02), one(22.0, spread=0.03))
    change = changes_of(found)[LATENCY, "p50"]
    assert (change.before, change.after, change.unit) == (20.0, 22.0, "ms")
    assert change.ratio == pytest.approx(1.1)
    assert change.spread == pytest.approx(0.05)
    assert not change.in_noise
    assert changes_of(found)[LATENCY, "p99"].spread is None
    assert compare(one(20.0, spread=0.06), one(22.0, spread=0.06)).changes[1].in_noise
    assert (found.warnings, found.only_before, found.only_after) == ([], [], [])


def test_every_figure_is_compared():
    rows = [latency_row(energy=energy()), cold_row(), stream_row(), accuracy_row(mpjpe_mm=40.0)]
    rows[1]["figures"]["peak_device_mib"] = 300.0
    found = compare(document(rows=rows), document(rows=rows))
    assert {change.metric for change in found.changes} == set(METRICS)
    assert all(change.ratio == 1.0 for change in found.changes)
    assert (
        changes_of(found)["stream/small/onnxruntime/cpu/1/stream/end_to_end", "missed"].after == 0.2
    )


def test_text_and_json_say_the_same():
    before = one(20.0)
    after = document(rows=[latency_row(20.1), stream_row()])
    found = compared(before, after, ["p50>+50%"])
    lines = found.text().splitlines()
    assert lines[:2] == [
        "small: flops 2 -> 2 GFLOP (+0.0%)",
        f"{LATENCY}: p50 20 -> 20.1 ms (+0.5% +- 2.0%), within the noise",
    ]
    assert lines[-2:] == [
        "only in the second: stream/small/onnxruntime/cpu/1/stream/end_to_end",
        "all keep the rules p50>+50%",
    ]
    report = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert report["failed"] == 0
    assert report["only_after"] == ["stream/small/onnxruntime/cpu/1/stream/end_to_end"]
    assert report["changes"][1]["in_noise"]


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("p50>+5%", True),
        ("p50>+10%", False),  # exactly 10 %, and rounding must not break it
        ("p50 > +9.9 %", True),
        ("p50<-5%", False),
        ("p50<+20%", True),
        ("p50>+1ms", True),
        ("p50>+2ms", False),
        ("p50>22ms", False),
        ("p50>21.9MS", True),
        ("p50<30ms", True),
        ("p90>+5%", True),
        ("p99>+5%", True),
        ("p999>+5%", True),
        ("max>+5%", True),
        ("flops>+0%", False),
        ("flops>1.9GFLOP", True),
    ],
)
def test_rules_are_held_against_the_second_result(rule, broken):
    assert bool(compared(one(20.0), one(22.0), [rule]).failures) == broken


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("mj>+5%", latency_row(energy=energy(100.0)), latency_row(energy=energy(110.0))),
        ("mj>105mJ", latency_row(energy=energy(100.0)), latency_row(energy=energy(110.0))),
        ("drift_mm>1mm", accuracy_row(0.5), accuracy_row(1.5)),
        ("drift_mm>+0.1mm", accuracy_row(0.0), accuracy_row(0.5)),
        ("drift_mm>+5%", accuracy_row(0.0), accuracy_row(0.5)),  # from nothing to something
        ("mpjpe>+1%", accuracy_row(mpjpe_mm=40.0), accuracy_row(mpjpe_mm=41.0)),
        ("missed>1%", stream_row(0.0), stream_row(0.02)),
        ("missed>+50%", stream_row(0.01), stream_row(0.02)),
        ("memory>+5%", cold_row(peak_host_mib=100.0), cold_row(peak_host_mib=110.0)),
        ("load>+5%", cold_row(100.0), cold_row(110.0)),
    ],
)
def test_rules_of_every_figure(rule, before, after):
    found = (document(rows=[before]), document(rows=[after]))
    assert len(compared(*found, [rule]).failures) == 1
    assert not compared(found[0], found[0], [rule]).failures


def test_a_broken_rule_raises_with_the_report():
    with pytest.raises(Regression) as caught:
        compare(one(20.0), one(22.0), ["p50>+5%", "p50>21ms", "p99>+50%"])
    assert str(caught.value) == (
        f"1 of 6 figures: {LATENCY}: p50 20 -> 22 ms (+10.0% +- 2.0%) breaks p50>+5%, p50>21ms"
    )
    assert caught.value.exit_status == 1
    assert (
        caught.value.report
        == compared(one(20.0), one(22.0), ["p50>+5%", "p50>21ms", "p99>+50%"]).to_dict()
    )
    assert caught.value.report["failed"] == 1
    lines = compared(one(20.0), one(22.0), ["p50>+5%"]).text().splitlines()
    assert lines[1] == f"{LATENCY}: p50 20 -> 22 ms (+10.0% +- 2.0%), breaks p50>+5%"
    assert lines[-1] == "1 figures break the rules p50>+5%"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
@pytest.mark.parametrize("rule", ["p50>+5%", "p50<+500%", "p50>9999ms"])
def test_what_is_no_number_breaks_every_rule(wrong, rule):
    broken = one(figures={"median_ms": wrong})
    for pair in ((one(), broken), (broken, one())):
        found = compared(*pair, [rule])
        assert [change.metric for change in found.failures] == ["p50"]
        json.dumps(found.to_dict(), allow_nan=False)


def test_a_figure_that_went_away_breaks_its_rule():
    with pytest.raises(Regression) as caught:
        compare(one(energy=energy()), one(), ["mj>+5%"])
    assert str(caught.value) == f"1 of 7 figures: {LATENCY}: mj 120 -> unknown mJ breaks mj>+5%"
    assert compared(one(), one(energy=energy()), ["mj>+5%"]).failures[0].before is None


NOTHING = (
    "the two results have no valid row in common, so there is nothing to compare; rows belong "
    "together if model, backend, device, threads, scenario and boundary are the same"
)


def test_nothing_in_common_is_refused():
    assert message(InputError, compare, one(), one(threads=2)) == NOTHING
    assert message(InputError, compare, one(), document(rows=[], models={})) == NOTHING
    invalid = one(valid=False, problems=["throttled"])
    assert message(InputError, compare, one(), invalid) == NOTHING


def test_a_rule_that_is_held_against_nothing_is_refused():
    assert message(InputError, compare, one(), one(), ["mpjpe>+1%"]) == (
        "--fail-if 'mpjpe>+1%': no row that both results have has mpjpe, so the rule was held "
        "against nothing; there is flops, max, p50, p90, p99, p999"
    )


def test_flops_need_no_rows():
    before, after = (
        document(rows=[], models={"m": model(cost=cost(total_gflop=g))}) for g in (2, 3)
    )
    found = compared(before, after, ["flops>+5%"])
    assert found.failures[0].words() == "m: flops 2 -> 3 GFLOP (+50.0%)"


def test_rows_that_cannot_be_compared_are_left_out_with_a_warning():
    pair = (latency_row(), cold_row())
    bad = [latency_row(valid=False, problems=["throttled", "hot"]), cold_row()]
    found = compare(document(rows=pair), document(rows=bad))
    assert found.warnings == [
        f"{LATENCY}: left out, not valid (throttled, hot) in the second result"
    ]
    found = compare(document(rows=bad), document(rows=pair))
    assert found.warnings == [
        f"{LATENCY}: left out, not valid (throttled, hot) in the first result"
    ]
    other = [latency_row(figures={"windows_per_call": 8}), cold_row()]
    assert compare(document(rows=pair), document(rows=other)).warnings == [
        f"{LATENCY}: left out, 1 windows a call in the first result and 8 in the second"
    ]
    renamed = [{**latency_row(), "id": "x"}, {**cold_row(), "id": LATENCY}]
    assert compared(document(rows=[*pair, renamed[0]]), document(rows=renamed)).warnings == [
        f"{LATENCY}: left out, of kind latency in the first result and cold in the second"
    ]


def test_other_machines_are_warned_of_and_rules_of_change_refused():
    other = cpu_machine(cpu={**cpu_machine()["cpu"], "model": "another CPU", "cores": 8})
    before, after = one(), document(rows=[latency_row(10.0)], machine=other)
    said = [
        "different CPU (a CPU of tests, another CPU): ratios say nothing about the code",
        "different number of cores (4, 8): ratios say nothing about the code",
    ]
    assert compare(before, after).warnings == said
    assert compare(before, after, ["p50>21ms", "flops>+1%"]).warnings == said
    assert message(UsageError, compare, before, after, ["p50>+5%"]) == (
        "--fail-if 'p50>+5%': the results are of different machines (CPU (a CPU of tests, another "
        "CPU); number of cores (4, 8)), so a change says nothing about the code; measure both on "
        "one machine, or give a limit of its own, such as 'p50>8ms'"
    )


def test_circumstances_that_differ_are_warned_of():
    jetson = document(machine=jetson_machine())
    full = document(machine=jetson_machine(mode="MAXN_SUPER", number=2))
    assert compare(jetson, full).warnings == [
        "different power mode (15W, MAXN_SUPER): ratios say nothing about the code"
    ]
    noise = {"spread": 0.2, "limit": 0.05, "noisy": True, "reasons": ["load 3.2 before", "swings"]}
    machine = cpu_machine(versions={"h2ot-edge": "0.2.0", "numpy": "2.4.6"})
    machine["cpu"]["governor"] = None
    models = {"small": model(sha256="cd" * 32)}
    found = compare(document(), document(machine=machine, noise=noise, models=models))
    assert found.warnings == [
        "the second result is of a noisy machine (load 3.2 before; swings): small ratios are "
        "chance",
        "different governor (performance, none)",
        "different h2ot-edge (0.1.0, 0.2.0)",
        "different onnxruntime (1.31.1, none)",
        "small: another file (sha256 abababababab, cdcdcdcdcdcd)",
    ]
    assert found.text().startswith("warning: the second result is of a noisy machine (")


GRAMMAR = (
    "expected NAME>+N% or NAME<-N% for a change against the first result, NAME>+N UNIT for a "
    "difference, or NAME>N UNIT for a value of the second, such as 'p50>+5%' or 'p99>8ms'"
)


@pytest.mark.parametrize(
    "rule", ["", "p50", "p50>", "p50>5", "p50=5%", "p50>>5%", "p50>1e9ms", "%"]
)
def test_what_is_no_rule(rule):
    assert message(UsageError, Rule.parse, rule) == f"--fail-if {rule!r}: {GRAMMAR}"


def test_rules_of_wrong_units_and_figures():
    assert message(UsageError, Rule.parse, "p50>5%") == (
        "--fail-if 'p50>5%': p50 has the unit ms, and a change a sign: p50>+5%"
    )
    assert message(UsageError, Rule.parse, "memory>+5ms") == (
        "--fail-if 'memory>+5ms': memory has the unit MiB"
    )
    assert message(UnknownName, Rule.parse, "p95>+5%") == (
        "no figure 'p95'; did you mean 'p99'? (known: p50, p90, p99, p999, max, mj, missed, load, "
        "memory, device_memory, drift_mm, mpjpe, flops)"
    )


@pytest.mark.parametrize("rows", [[cold_row()], [cold_row(), latency_row(60.0, valid=False)]])
def test_a_row_that_is_gone_or_not_valid_breaks_its_rule(rows):
    with pytest.raises(Regression) as error:
        compare(document(), document(rows=rows), ["p50>+5%"])
    assert str(error.value) == (
        f"1 of {len(error.value.report['changes'])} figures: {latency_row()['id']}: p50 20 -> "
        "unknown ms breaks p50>+5%"
    )


def test_streams_that_wait_otherwise_are_left_out():
    other = stream_row()
    other["figures"]["lookahead"] = 20
    found = compared(document(), document(rows=[cold_row(), other]))
    assert [change.row for change in found.changes if change.metric == "missed"] == []
    assert (
        f"{stream_row()['id']}: left out, lookahead is 4 in the first result and 20 in the second"
        in (found.warnings)
    )
