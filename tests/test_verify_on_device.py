"""`scripts/verify_on_device`: every step is isolated, and what came of it is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import device_steps
import pytest
from tiny_models import save_tiny

from h2ot_edge.benchmarks.device import PRECISIONS, Setting, steps_for
from h2ot_edge.benchmarks.device import check as device_check
from h2ot_edge.benchmarks.device.building import lower
from h2ot_edge.benchmarks.device.isolation import run_step
from h2ot_edge.benchmarks.device.setting import CommandFailed, NotPossible, command

ROOT = Path(__file__).parents[1]


@pytest.fixture
def setting(tmp_path):
    return Setting(folder=tmp_path, models={}, device="cuda:0", rounds=1, calls=1, seconds=1)


# one step


def test_a_step_runs_in_a_process_of_its_own(setting):
    done = run_step(device_steps.passes, setting)
    assert (done["status"], done["line"]) == ("passed", "well")
    assert done["figures"]["device"] == "cuda:0"
    assert done["figures"]["process"] != os.getpid()
    assert 0 < done["seconds"] < 60


@pytest.mark.parametrize(
    ("step", "status", "line"),
    [
        ("lacks_a_gpu", "not possible", "cuda:0: there is none"),
        ("lacks_a_library", "not possible", "no tensorrt"),
        ("lacks_a_file", "not possible", "nothing was built"),
        ("is_wrong", "failed", "UsageError: two lines"),
        ("exits", "failed", "SystemExit: 3"),
        ("crashes", "failed", "crashed (SIGSEGV)"),
        ("vanishes", "failed", "ended without a word"),
        ("crashes_after_it_passed", "failed", "crashed (SIGABRT), after: well"),
    ],
)
def test_whatever_happens_to_a_step_is_told(step, status, line, setting):
    done = run_step(getattr(device_steps, step), setting)
    assert (done["status"], done["line"]) == (status, line)
    assert "figures" not in done
    assert ("traceback" in done) == (step in ("is_wrong", "exits"))


def test_a_step_that_hangs_is_ended(setting):
    done = run_step(device_steps.hangs, setting, patience=3)
    assert (done["status"], done["line"]) == ("failed", "did not end within 3 s")
    assert done["seconds"] < 30


# what steps have in common


def test_a_command_that_lacks_something_is_not_possible(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(NotPossible) as error:
        command("build", str(save_tiny(tmp_path / "tiny.onnx")), "--precision", "fp16")
    assert str(error.value) == (
        "onnx cannot be imported (import of onnx halted; None in sys.modules); "
        "pip install 'h2ot-edge[precision]'"
    )


def test_a_command_that_fails_says_which_one_it_was(capsys):
    with pytest.raises(CommandFailed) as error:
        command("infer", "none.onnx", "none.npz", "-o", "poses.npz")
    assert str(error.value) == (
        "h2ot infer none.onnx none.npz -o poses.npz ends with status 2: none.npz: no such file; "
        "expected a clip, .npz, .json or .csv, or a folder of OpenPose's or Ultralytics' files"
    )
    assert capsys.readouterr() == ("", "")


def test_a_model_that_was_not_made_is_asked_for(setting):
    with pytest.raises(NotPossible) as error:
        setting.model("int8")
    assert str(error.value) == "there is no int8 model here; give one with --int8"


def test_engines_that_were_not_built_are_missed(setting):
    with pytest.raises(NotPossible) as error:
        setting.built("tensorrt")
    assert str(error.value) == "no engine of tensorrt was built"
    setting.engine("tensorrt", "fp16").touch()
    assert setting.built("tensorrt") == {"fp16": setting.folder / "fp16.tensorrt.engine"}


def test_int8_of_another_model_of_an_old_operator_set_is_asked_for(tmp_path):
    source = str(save_tiny(tmp_path / "tiny.onnx"))
    setting = Setting(
        folder=tmp_path, models={"fp32": source}, device="cuda:0", rounds=1, calls=1, seconds=1
    )
    with pytest.raises(NotPossible) as error:
        lower("int8", setting)
    assert str(error.value) == f"{source} has an operator set below 19; give --int8 FILE.onnx"


# the whole


def test_the_steps_come_in_an_order_in_which_each_finds_what_it_needs():
    names = list(steps_for(PRECISIONS))
    assert names[:4] == ["doctor", "infer cpu", "lower fp16", "lower int8"]
    for target in ("tensorrt", "tensorrt-rtx"):
        first = names.index(f"build {target} fp32")
        assert names[first : first + 6] == [
            f"{step} {target} {precision}"
            for step in ("build", "agree")
            for precision in PRECISIONS
        ]
    assert "build tensorrt int8" not in steps_for(("fp32", "fp16"))


@pytest.mark.parametrize(
    ("statuses", "allow", "verdict"),
    [
        ("passed passed", False, (2, 0, 0, True, True)),
        ("passed failed", False, (1, 1, 0, False, False)),
        ("failed passed", True, (1, 1, 0, True, False)),
        ("passed not-possible", False, (1, 0, 1, False, False)),
        ("passed not-possible", True, (1, 0, 1, False, True)),
    ],
)
def test_it_is_well_if_nothing_failed_and_an_engine_ran_on_a_gpu(statuses, allow, verdict):
    names = ("doctor", "agree tensorrt fp32")
    steps = [
        {"name": name, "status": status.replace("-", " ")}
        for name, status in zip(names, statuses.split(), strict=True)
    ]
    found = device_check._verdict(steps, allow_no_gpu=allow)
    assert tuple(found.values()) == verdict
    assert list(found) == ["passed", "failed", "not_possible", "ran_on_gpu", "ok"]


def test_the_summary_is_a_table():
    steps = [
        {"name": "doctor", "status": "passed", "seconds": 1.24, "line": "h2ot doctor answers"},
        {"name": "trtexec", "status": "failed", "seconds": 0.0, "line": "a | b"},
    ]
    text = device_check.summary(
        {
            "h2ot_edge": "0.1.0",
            "date": "2026-11-21T12:00:00+00:00",
            "model": {"name": "motionbert-s"},
            "steps": steps,
            "verdict": device_check._verdict(steps, allow_no_gpu=False),
        }
    )
    assert text == (
        "# h2ot-edge 0.1.0 on a device, 2026-11-21T12:00:00+00:00\n\n"
        "motionbert-s: 1 passed, 1 failed, 0 not possible here; **no engine ran on a GPU**.\n\n"
        "| step | | s | |\n| --- | --- | --- | --- |\n"
        "| doctor | passed | 1.2 | h2ot doctor answers |\n"
        "| trtexec | failed | 0.0 | a / b |\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--fp32", "none.onnx"],
            "none.onnx: no such file; expected an ONNX model from h2ot-export",
        ),
        (["--device", "cpu"], "--device cpu: the steps are about a GPU; give cuda:N"),
        (
            ["--device", "gpu"],
            "no device 'gpu'; did you mean 'cpu'? (known: cpu, cuda, cuda:0)",
        ),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments, message, tmp_path, capsys):
    out = tmp_path / "result.json"
    assert device_check.main([*arguments, "-o", str(out)]) == 2
    assert capsys.readouterr() == ("", f"device_check: error: {message}\n")
    assert not out.exists()


@pytest.mark.slow
def test_the_script_tells_what_works_here(tmp_path):
    """On a machine without a GPU: what can be done there is done, the rest says why it was not."""
    done = subprocess.run(
        [ROOT / "scripts" / "verify_on_device", "--quick", "--allow-no-gpu", "-o", "result.json"],
        cwd=tmp_path, env={**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    result = json.loads((tmp_path / "result.json").read_text())
    steps = {step["name"]: step for step in result["steps"]}
    assert [step for step in steps.values() if step["status"] == "failed"] == []
    assert done.returncode == 0, done.stderr
    assert result["schema_version"] == 1
    assert result["model"]["name"] == "motionbert-s"
    assert result["libraries"]["onnxruntime"]
    for name in ("doctor", "infer cpu", "lower fp16"):
        assert steps[name]["status"] == "passed", steps[name]
    pytest.importorskip("tensorrt_rtx")
    for name in ("build tensorrt-rtx fp32", "build tensorrt-rtx fp16"):
        assert steps[name]["status"] == "passed", steps[name]
    assert "| build tensorrt-rtx fp16 | passed | " in done.stdout
    assert done.stdout.endswith("\nWritten: result.json\n")
    assert result["verdict"]["ok"]
