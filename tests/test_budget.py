"""Choosing the point of a curve that is best in the time that there is."""

from dataclasses import replace
from pathlib import Path

import pytest
from bench_documents import cpu_machine, document, latency_row, model, point
from small_networks import options

from h2ot_edge.benchmarks.bench.results import check_document
from h2ot_edge.benchmarks.bench.subject import Running
from h2ot_edge.benchmarks.sweep.budget import check_curve, choose, plan_of, points_of, way_of
from h2ot_edge.benchmarks.sweep.plans import identity, unpruned
from h2ot_edge.errors import CheckFailed, UsageError
from h2ot_edge.export import TokenPlan

CURVE = {"dense": (20.0, 60.0), "half": (14.0, 61.0), "third": (10.0, 60.5), "ninth": (5.0, 70.0)}
"""Milliseconds and millimetres; `half` is no good."""

KEEP = {"dense": "", "half": "1:40", "third": "1:27", "ninth": "0:27,1:9"}
PATH = Path("curve.json")


@pytest.fixture(autouse=True)
def backbones(small_backbone):
    """With that of `small_networks`."""


def curve(found=CURVE, **changes):
    points = [
        point(
            KEEP[name],
            mm,
            model=name,
            accuracy="mpjpe",
            **({"prune": "none", "recover": "none"} if name == "dense" else {}),
        )
        for name, (_, mm) in found.items()
    ]
    rows = [latency_row(ms, model=name) for name, (ms, _) in found.items()]
    settings = {"network": identity(base())}
    made = document(rows=rows, curve=points, settings=settings, **changes)
    check_document(made, "here")
    return made


def base(**changes):
    return unpruned(options(**changes))


def chosen(budget, found=CURVE):
    """Names of the point, the slower and the faster one."""
    choice = choose(points_of(curve(found)), budget)
    assert choice.budget_ms == budget
    names = [None if p is None else p.model for p in (choice.point, choice.slower, choice.faster)]
    assert choice.unpruned is None or choice.unpruned.model == "dense"
    return names


# points


def test_points_have_times_flops_and_accuracies():
    first, _, third, ninth = points_of(curve())
    assert (first.words, third.words, ninth.words) == (
        "unpruned",
        "tps 1:27 tri",
        "tps 0:27,1:9 tri",
    )
    figures = latency_row(10.0)["figures"]
    assert third.figures == (f"10.00 ms (p99 {figures['p99_ms']:.2f}), 2 GFLOP, MPJPE 60.5 mm")
    assert replace(third, retrained=True).figures == f"{third.figures} (retrained)"
    assert replace(third, accuracy="drift").worth == "drift 60.5 mm"
    assert replace(third, accuracy_mm=None).worth == "MPJPE not known"


@pytest.mark.parametrize(
    ("prune", "weights", "retrained"),
    [
        ("tps", {"source": "shipped"}, True),
        ("none", {"source": "shipped"}, False),
        ("tps", {"source": "shipped", "trained_with_plan": False}, False),
        ("tps", {"source": "checkpoint"}, False),
    ],
)
def test_points_tell_whose_weights_know_their_pruning(prune, weights, retrained):
    made = curve()
    made["models"]["third"]["card"] = {"prune": prune, "weights": weights}
    assert [p.retrained for p in points_of(made)] == [False, False, retrained, False]


def test_times_that_are_not_valid_are_not_taken():
    made = curve()
    made["rows"][2]["valid"] = False
    assert [p.model for p in points_of(made)] == ["dense", "half", "ninth"]


def test_a_point_becomes_a_plan_again():
    blank = TokenPlan(frames=81)
    dense, *_, ninth = points_of(curve())
    assert plan_of(dense, blank) == blank
    assert plan_of(ninth, blank) == TokenPlan(
        frames=81, schedule={0: 27, 1: 9}, prune="tps", recover="tri"
    )


# choosing


@pytest.mark.parametrize(
    ("budget", "names"),
    [
        (100.0, ["dense", None, "third"]),
        (20.0, ["dense", None, "third"]),
        (19.9, ["third", "dense", "ninth"]),
        (10.0, ["third", "dense", "ninth"]),
        (9.9, ["ninth", "third", None]),
        (5.0, ["ninth", "third", None]),
    ],
)
def test_the_most_accurate_that_meets_the_budget(budget, names):
    assert chosen(budget) == names


def test_of_equals_the_fastest():
    equal = {**CURVE, "half": (14.0, 60.5)}
    assert chosen(15.0, equal) == ["third", "dense", "ninth"]


def test_what_is_not_known_is_not_chosen():
    unknown = {**CURVE, "third": (10.0, None)}
    assert chosen(15.0, unknown) == ["half", "dense", "ninth"]


def test_nothing_meets_the_budget():
    with pytest.raises(CheckFailed) as error:
        chosen(4.9)
    p99 = latency_row(5.0)["figures"]["p99_ms"]
    assert str(error.value) == (
        "--budget-ms 4.9: no point meets it; the fastest is tps 0:27,1:9 tri with 5.00 ms (p99 "
        f"{p99:.2f}), 2 GFLOP, MPJPE 70.0 mm: allow more time, or take a smaller network"
    )
    assert error.value.report["budget_ms"] == 4.9
    assert [p["model"] for p in error.value.report["points"]] == list(CURVE)


def test_nothing_is_known():
    with pytest.raises(UsageError) as error:
        chosen(8.0, {name: (ms, None) for name, (ms, _) in CURVE.items()})
    assert str(error.value) == (
        "--budget-ms 8: nothing is known of how accurate the points are, so none is the best; "
        "give --checkpoint with trained weights, or --curve with known accuracies"
    )


def test_a_choice_is_told():
    told = choose(points_of(curve()), 11.0).to_dict()
    assert told["budget_ms"] == 11.0
    assert told["point"]["keep"] == "1:27"
    assert told["slower"]["model"] == told["unpruned"]["model"] == "dense"
    assert choose(points_of(curve()), 6.0).to_dict()["faster"] is None


# curves that were measured before


def refusal(made, *, network=None, running=None, machine=None):
    with pytest.raises(UsageError) as error:
        check_curve(made, PATH, network or base(), running or Running(), machine or cpu_machine())
    return str(error.value)


def test_a_curve_of_this_machine_and_network_is_taken():
    check_curve(curve(), PATH, base(), Running(), cpu_machine())
    same = Running(backend="onnxruntime", device="cpu", threads=1)
    check_curve(curve(), PATH, base(), same, cpu_machine())
    assert way_of(curve()) == "onnxruntime, 1 thread, a CPU of tests, 4 cores"


def test_where_points_ran_is_told():
    made = curve()
    for row in made["rows"]:
        row["threads"] = None
    assert way_of(made) == "onnxruntime, all threads, a CPU of tests, 4 cores"
    for row in made["rows"]:
        row["device"] = "cuda:0"
    assert way_of(made) == "onnxruntime, cuda:0, a CPU of tests, 4 cores"


def test_a_result_without_a_curve_is_refused():
    for made in (document(), document(rows=[], models={"small": model()}, curve=[point()])):
        assert refusal(made) == (
            "--curve curve.json: there is no curve in it; measure one with h2ot-bench sweep"
        )


def test_a_curve_of_another_machine_is_refused():
    other = cpu_machine(cpu={**cpu_machine()["cpu"], "model": "another CPU", "cores": 8})
    assert refusal(curve(), machine=other) == (
        "--curve curve.json: was measured on another machine: CPU (a CPU of tests, another CPU), "
        "number of cores (4, 8); measure one here with h2ot-bench sweep, or leave --curve out"
    )


def test_a_curve_of_another_network_is_refused(tmp_path):
    weights = tmp_path / "w.pt"
    weights.write_bytes(b"weights")
    found = refusal(curve(), network=base(checkpoint=weights, opset=19, flip_tta=True))
    told = identity(base(checkpoint=weights))["checkpoint"]
    assert len(told) == 64
    assert found == (
        "--curve curve.json: is of something else: opset 17 there, 19 asked for, flip_tta False "
        f"there, True asked for, checkpoint None there, {told} asked for; measure one with "
        "h2ot-bench sweep, or leave --curve out"
    )


def test_a_curve_that_was_run_otherwise_is_refused():
    running = Running(backend="tensorrt", device="cuda:0", threads=2)
    assert refusal(curve(), running=running) == (
        "--curve curve.json: is of something else: backend onnxruntime there, tensorrt asked for, "
        "device cpu there, cuda:0 asked for, threads 1 there, 2 asked for; measure one with "
        "h2ot-bench sweep, or leave --curve out"
    )
