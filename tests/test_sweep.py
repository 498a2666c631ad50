"""The token-budget curve: exported, timed and held against something, point by point."""

import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from itertools import product
from pathlib import Path

import pytest
from small_models import READY, trained, use

from h2ot_edge import cli
from h2ot_edge.benchmarks import latency
from h2ot_edge.benchmarks.bench.results import read_result
from h2ot_edge.benchmarks.sweep.plans import parse_keeps, usual_keeps
from h2ot_edge.errors import ScheduleError
from h2ot_edge.export import ExportOptions, TokenPlan

NAME = "small-base-9"
DENSE = f"{NAME}-dense"
KEEP = "--keep 1:3,1:9"
WAYS = ("tps", "tpc"), ("tri", "tra")
PLANS = [f"{prune}-1x3-{recover}" for prune, recover in product(*WAYS)]
QUICK = ["--seconds", "0.02", "--threads", "1", "--no-report"]


@pytest.fixture(scope="module")
def swept(released, tmp_path_factory):
    """The folder and the words of a sweep with points of every kind."""
    folder = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        use(released, patch)
        patch.setattr(latency, "_LONGEST_WARMUP_S", 0.01)
        patch.chdir(folder)
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            assert sweep(f"--prune tps,tpc {KEEP} --recover tri,tra") == 0
    return folder, out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def in_an_empty_folder(small_zoo, tmp_path, monkeypatch):
    monkeypatch.setattr(latency, "_LONGEST_WARMUP_S", 0.01)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def copied(swept, tmp_path):
    """That sweep, to be gone on with."""
    shutil.copytree(swept[0], tmp_path, dirs_exist_ok=True)
    return measured()


def sweep(text, *more):
    return cli.bench(["sweep", "--backbone", "small", *text.split(), *QUICK, *more])


def measured(folder="."):
    return read_result(Path(folder, "sweep", "result.json"))


def curve(document):
    return {point["model"]: point for point in document["curve"]}


# the grammar of --keep


@pytest.mark.parametrize(
    ("text", "schedules"),
    [
        ("1:27", ({1: 27},)),
        ("1:27,1:9", ({1: 27}, {1: 9})),
        ("0:27+1:9", ({0: 27, 1: 9},)),
        (" 1:3, 0:5+1:3 ", ({1: 3}, {0: 5, 1: 3})),
    ],
)
def test_commas_stand_between_points_and_plus_between_steps(text, schedules):
    assert parse_keeps(text) == schedules


@pytest.mark.parametrize("wrong", ["", "1", "1:", "1:27,", "1:27;1:9", "1:27++1:9", "-1:3", "1:x"])
def test_another_grammar_is_refused(wrong):
    bad = wrong.split(",")[-1].strip()
    with pytest.raises(ScheduleError) as error:
        parse_keeps(wrong)
    assert str(error.value) == (
        f"--keep {wrong}: expected BLOCK:K[+BLOCK:K...] between commas, as in 1:27,1:9 for two "
        f"points of one step each and 0:27+1:9 for one of two steps, got {bad!r}"
    )


def test_what_is_named_twice_is_refused():
    with pytest.raises(ScheduleError) as error:
        parse_keeps("1:3,0:5+1:3,1:3")
    assert str(error.value) == "--keep 1:3,0:5+1:3,1:3: 1:3 is there twice"
    with pytest.raises(ScheduleError) as error:
        parse_keeps("1:3+1:2")
    assert str(error.value) == "schedule '1:3,1:2': block 1 is named twice"


def test_usual_schedules_are_those_that_can_be():
    base = ExportOptions(backbone="small", variant="long", plan=TokenPlan(frames=27))
    keeps = usual_keeps(base)
    assert keeps == (
        *({0: kept} for kept in (13, 9, 4, 3)),
        *({1: kept} for kept in (13, 9, 4, 3)),
        {0: 13, 1: 9},
    )
    short = ExportOptions(backbone="small", variant="base", plan=TokenPlan(frames=2))
    assert usual_keeps(short) == ({0: 1}, {1: 1})


def test_models_that_ship_are_among_the_usual_ones():
    plan = TokenPlan(frames=81)
    keeps = usual_keeps(ExportOptions(backbone="motionbert", variant="s", plan=plan))
    assert {0: 27} in keeps
    assert {1: 9} in keeps


# measuring


def test_every_combination_is_a_point(swept):
    document = measured(swept[0])
    assert document["ended"] is not None
    points = curve(document)
    assert list(points) == [DENSE, *(f"{NAME}-{plan}" for plan in PLANS)]
    found = [(point["prune"], point["keep"], point["recover"]) for point in points.values()]
    assert found[:2] == [("none", "", "none"), ("tps", "1:3", "tri")]
    for name in points:
        model = document["models"][name]
        assert (model["kind"], model["file"]) == ("onnx", f"{name}.onnx")
        assert Path(swept[0], "sweep", "models", f"{name}.onnx").is_file()
    flops = [document["models"][name]["cost"]["total_gflop"] for name in points]
    assert flops[0] == max(flops)


def test_all_are_timed_alike(swept):
    document = measured(swept[0])
    rows = [row for row in document["rows"] if row["kind"] == "latency"]
    assert [row["model"] for row in rows] == list(curve(document))
    ways = {(row["scenario"], row["boundary"], row["threads"], row["device"]) for row in rows}
    assert ways == {("single", "host", 1, "cpu")}
    assert {row["inside"] for row in rows} == {
        "Engine.run_windows: host array in to host arrays out, checks and copies included"
    }


def test_accuracy_is_drift_where_it_is_known(swept):
    points = curve(measured(swept[0]))
    assert {point["accuracy"] for point in points.values()} == {"drift"}
    assert points[DENSE]["accuracy_mm"] == 0
    for plan in ("tps-1x3-tri", "tpc-1x3-tri"):
        assert points[f"{NAME}-{plan}"]["accuracy_mm"] > 0.01
    assert points[f"{NAME}-tps-1x3-tri"]["data"] == (
        "windows of people who walk, simulated; mm at a torso of 500 mm"
    )


def test_learned_recovery_without_weights_has_no_accuracy(swept):
    document, name = measured(swept[0]), f"{NAME}-tps-1x3-tra"
    assert curve(document)[name]["accuracy_mm"] is None
    told = "accuracy: the weights are random; give --checkpoint with trained ones"
    assert document["models"][name]["unknown"] == [told]
    assert document["models"][f"{NAME}-tps-1x3-tri"]["unknown"] == []
    assert not [r for r in document["rows"] if (r["kind"], r["model"]) == ("accuracy", name)]
    assert f"tps 1:3 tra  {told}\n" in swept[1]


def test_weights_trained_with_their_pruning_do_not_drift(swept):
    document, name = measured(swept[0]), f"{NAME}-tpc-1x3-tra"
    assert document["models"][name]["card"]["weights"]["name"] == READY
    assert curve(document)[name]["accuracy_mm"] is None
    assert document["models"][name]["unknown"] == [
        "accuracy: the weights were trained with this pruning, so the distance to the unpruned "
        "network is not what pruning costs; give --data with the truth"
    ]


def test_the_curve_is_shown(swept):
    lines = {line.split("  ")[0]: line for line in swept[1].splitlines()[::-1]}
    assert {"machine", "unpruned", "tps 1:3 tri", "tpc 1:3 tra"} <= set(lines)
    assert lines["unpruned"].endswith(" GFLOP, drift 0.0 mm")
    assert lines["tpc 1:3 tra"].endswith(" GFLOP, drift not known (retrained)")
    assert swept[1].endswith("\nresult  sweep/result.json\n")


def test_a_checkpoint_is_that_of_every_point_it_fits(tmp_path, capsys):
    weights = trained(tmp_path / "dense.pt", "none", seed=3)
    assert sweep("--keep 0:5+1:3 --recover tri,tra", "--checkpoint", str(weights)) == 0
    document = measured()
    assert list(curve(document)) == [DENSE, f"{NAME}-tps-0x5+1x3-tri"]
    assert curve(document)[f"{NAME}-tps-0x5+1x3-tri"]["keep"] == "0:5,1:3"
    (noted,) = document["models"][DENSE]["unknown"]
    reason = noted.removeprefix("tps 0:5,1:3 tra is left out: ")
    assert reason.startswith("dense.pt: not a checkpoint of small base, 9 frames with TRA: ")
    assert capsys.readouterr().err == (
        f"h2ot-bench sweep: warning: tps 0:5,1:3 tra is left out: {reason}\n"
    )


# what cannot be


def test_impossible_combinations_are_named_and_left_out(swept):
    told = (
        "schedule step 1:9: expected fewer than the 9 frames that are there before block 1, got 9"
    )
    reasons = {f"{prune} 1:9 {recover}": told for prune, recover in product(*WAYS)}
    assert swept[2] == "".join(
        f"h2ot-bench sweep: warning: {words} is left out: {reason}\n"
        for words, reason in reasons.items()
    )
    assert measured(swept[0])["models"][DENSE]["unknown"] == [
        f"{words} is left out: {reason}" for words, reason in reasons.items()
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--keep 1:9 --recover tri,nearest",
            "none of these combinations can be exported: schedule step 1:9: expected fewer than "
            "the 9 frames that are there before block 1, got 9",
        ),
        (
            "--prune none",
            "--prune none: the unpruned network is measured in any case; leave it out",
        ),
        ("--prune tps,tps", "--prune tps,tps: tps is there twice"),
        ("--recover tri,tri", "--recover tri,tri: tri is there twice"),
        ("--prune tpx", "no pruner 'tpx'; did you mean 'tps'? (known: tpc, tpa, tpmo, tps)"),
        ("--recover x", "no recoverer 'x' (known: tra, tri, nearest, none)"),
        ("--seconds 0", "--seconds: expected a finite number above 0, got 0"),
        ("--protocol cnu", "no protocol 'cnu'; did you mean 'cmu'? (known: cmu, h36m, 3dhp)"),
        ("--variant x", "no variant of small 'x' (known: base, long)"),
    ],
)
def test_wrong_use(arguments, message, capsys):
    words = ["sweep", "--backbone", "small", *QUICK, *arguments.split(), "-q"]
    assert cli.bench(words) == 2
    assert capsys.readouterr().err == f"h2ot-bench sweep: error: {message}\n"


def test_a_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "sweep").write_text("")
    assert sweep("--keep 1:3") == 2
    assert capsys.readouterr().err == (
        "h2ot-bench sweep: error: --out sweep: expected the name of a folder, this is a file\n"
    )


# going on


def test_what_is_finished_is_kept(copied):
    before = {path.name: path.stat().st_mtime_ns for path in Path("sweep/models").iterdir()}
    assert sweep(f"--prune tps,tpc {KEEP} --recover tri,tra", "--resume", "-q") == 0
    after = {path.name: path.stat().st_mtime_ns for path in Path("sweep/models").iterdir()}
    assert after == before
    assert {**measured(), "ended": None} == {**copied, "ended": None}


def test_what_is_missing_is_done(copied):
    kept = [row for row in copied["rows"] if row["kind"] == "latency"]
    Path("sweep/result.json").write_text(json.dumps({**copied, "rows": kept, "curve": []}))
    broken = Path("sweep/models", f"{NAME}-tps-1x3-tri.onnx")
    broken.write_bytes(b"half of it")
    assert sweep(f"--prune tps,tpc {KEEP} --recover tri,tra", "--resume", "-q") == 0
    after = measured()
    assert (after["curve"], after["rows"]) == (copied["curve"], copied["rows"])
    assert broken.stat().st_size > 1000


def test_rows_of_a_model_that_is_another_now_are_measured_anew(copied, capsys):
    copied["models"][DENSE]["sha256"] = "0" * 64
    for row in copied["rows"]:
        row["figures"]["mean_mm" if row["kind"] == "accuracy" else "median_ms"] = 1e9
    Path("sweep/result.json").write_text(json.dumps(copied))
    assert sweep(f"--prune tps,tpc {KEEP} --recover tri,tra", "--resume") == 0
    assert measured()["curve"] == copied["curve"]
    assert f"{DENSE}: is another model now, it is measured anew\n" in capsys.readouterr().err
    assert all(row["figures"].get("median_ms", 0) < 1e9 for row in measured()["rows"])


def test_another_sweep_is_not_gone_on_with(copied, capsys):
    assert sweep("--keep 1:3", "--resume") == 2
    asked = copied["settings"]["sweep"]
    now = {"prune": ["tps"], "keep": ["1:3"], "recover": []}
    path = Path("sweep/result.json")
    assert capsys.readouterr().err == (
        f"h2ot-bench sweep: error: {path}: holds results of another run (sweep "
        f"{json.dumps(asked)} there, {json.dumps(now)} now); choose another folder with --out, or "
        "remove the file\n"
    )
