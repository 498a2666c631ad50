"""`h2ot`, `h2ot infer` and `h2ot inspect`."""

import io
import json
import logging
import re
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_models import answer, save_tiny, tiny_card

import h2ot_edge
from h2ot_edge import _bars, cli
from h2ot_edge.card import ModelCard
from h2ot_edge.cli import infer_, infer_file
from h2ot_edge.errors import InputError

FLAT = np.zeros((9, 1, 3), np.float32)


@pytest.fixture
def model(tmp_path):
    return str(save_tiny(tmp_path / "tiny.onnx", bias=FLAT))


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.npz"
    np.savez(path, keypoints=pixels(), image_size=[640, 480], fps=50)
    return str(path)


@pytest.fixture
def poses(tmp_path):
    return tmp_path / "poses.npz"


def pixels(frames=20):
    return np.random.default_rng(0).uniform(0, 480, (frames, 17, 3)).astype(np.float32)


def expected_poses():
    keypoints = pixels().astype(float)
    keypoints[..., 0] = keypoints[..., 0] / 640 * 2 - 1
    keypoints[..., 1] = keypoints[..., 1] / 640 * 2 - 480 / 640
    return answer(keypoints[None], bias=0)[0]


RANDOM = "h2ot-infer: warning: the weights of this model are random, so its poses mean nothing\n"


def test_poses_are_written_and_described(model, clip, poses, capsys):
    assert cli.infer([model, clip, "-o", str(poses)]) == 0
    with np.load(poses) as saved:
        np.testing.assert_allclose(saved["poses"], expected_poses(), atol=1e-4)
        assert saved["fps"] == 50
    out, err = capsys.readouterr()
    assert err == RANDOM
    assert re.sub(r"\d+\.\d ms", "N ms", out) == (
        f"poses  {poses} (20 frames, 17 joints)\n"
        "gaps   none, every joint was seen\n"
        "model  tiny linear, 9 frames, seq2seq\n"
        "time   3 windows, N ms a window, onnxruntime on cpu\n"
        "unit   m\n"
        "frame  camera orientation, origin near the hip (joint 0); "
        "x right, y down, z away from the camera\n"
    )


def test_json_is_one_document(model, clip, poses, capsys):
    arguments = ["--overlap", "0", "--threads", "1", "--json", "-q"]
    assert cli.main(["infer", model, clip, "-o", str(poses), *arguments]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report.pop("ms_per_window") > 0
    (taken,) = report.pop("stages_ms").items()
    assert taken[0] == "lift"
    assert taken[1] > 0
    assert report == {
        "output": str(poses),
        "outputs": [str(poses)],
        "files": [{"path": str(poses), "person": None, "first_frame": 0, "frames": 20}],
        **dict.fromkeys(
            ("angles", "plot", "plot_angles", "html", "keypoints", "video", "sheet", "frames_drawn")
        ),
        "people": [{"name": None, "first_frame": 0, "last_frame": 19, "frames_seen": 20}],
        "frames": 20,
        "gaps": {
            "on_missing": "interpolate",
            "joints": 340,
            "missing": 0,
            "invalid": 0,
            "empty_frames": 0,
            "by_joint": {},
        },
        "windows": 3,
        "overlap": 0,
        "backend": "onnxruntime",
        "device": "cpu",
        "unit": "m",
        "frame_of_reference": "camera orientation, origin near the hip (joint 0)",
        "axes": ["x right", "y down", "z away from the camera"],
        "weights": "random",
    }
    assert err == ""


@pytest.mark.parametrize(
    "weights", [{"source": "checkpoint", "file": "a.pth"}, {"source": "shipped", "name": "a"}]
)
def test_trained_weights_are_no_reason_to_warn(weights, tmp_path, clip, poses, capsys):
    card = tiny_card(weights={**weights, "sha256": "0" * 64})
    model = save_tiny(tmp_path / "trained.onnx", card)
    assert cli.infer([str(model), clip, "-o", str(poses)]) == 0
    assert capsys.readouterr().err == ""


def test_a_picture_is_drawn(model, clip, poses, tmp_path, capsys):
    picture = tmp_path / "out.png"
    assert cli.infer([model, clip, "-o", str(poses), "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"plot   {picture}\n" in capsys.readouterr().out


def test_the_image_size_can_be_given(model, poses, tmp_path):
    clip = tmp_path / "bare.npz"
    np.savez(clip, keypoints=pixels())
    arguments = [model, str(clip), "-o", str(poses), "--image-size", "640", "480"]
    assert cli.infer(arguments) == 0
    with np.load(poses) as saved:
        np.testing.assert_allclose(saved["poses"], expected_poses(), atol=1e-4)


def test_one_of_several_clips(model, poses, tmp_path):
    clip = tmp_path / "several.npz"
    np.savez(clip, keypoints=pixels(5), offsets=[0, 3, 5], image_size=[640, 480])
    assert cli.infer([model, str(clip), "-o", str(poses), "--clip", "1"]) == 0
    with np.load(poses) as saved:
        assert saved["poses"].shape == (2, 17, 3)


def test_json_detections(model, poses, tmp_path):
    clip = tmp_path / "result.json"
    frames = enumerate(pixels(12).astype(float))
    clip.write_text(
        json.dumps([{"image_id": f"{i}.jpg", "keypoints": k.ravel().tolist()} for i, k in frames])
    )
    arguments = [model, str(clip), "-o", str(poses), "--image-size", "640", "480"]
    assert cli.infer(arguments) == 0
    with np.load(poses) as saved:
        assert saved["poses"].shape == (12, 17, 3)
        assert "fps" not in saved.files


PIXELS_WITHOUT_SIZE = (
    "keypoints: values up to {peak:g} look like pixels, normalised ones stay within 10; pass "
    "image_size=(width, height), or --image-size W H on the command line"
)


def test_an_error_is_one_line_and_status_2(model, poses, tmp_path, capsys):
    clip = tmp_path / "bare.npz"
    np.savez(clip, keypoints=pixels())
    assert cli.infer([model, str(clip), "-o", str(poses), "-q"]) == 2
    message = PIXELS_WITHOUT_SIZE.format(peak=pixels()[..., :2].max())
    assert capsys.readouterr() == ("", f"h2ot-infer: error: {message}\n")
    assert not poses.exists()


def test_an_error_in_json_is_a_document_as_well(model, poses, tmp_path, capsys):
    missing = tmp_path / "none.npz"
    assert cli.main(["infer", model, str(missing), "-o", str(poses), "--json"]) == 2
    out, err = capsys.readouterr()
    message = (
        f"{missing}: no such file; expected a clip, .npz, .json or .csv, or a folder of OpenPose's "
        "or Ultralytics' files"
    )
    assert json.loads(out) == {"error": {"type": "InputError", "message": message}}
    assert err == f"h2ot infer: error: {message}\n"


def test_a_failed_check_is_status_1(tmp_path, clip, poses, capsys):
    model = save_tiny(tmp_path / "nan.onnx", bias=np.full_like(FLAT, np.nan))
    assert cli.infer([str(model), clip, "-o", str(poses), "-q"]) == 1
    assert capsys.readouterr().err.startswith("h2ot-infer: error: the model gave NaN")


def test_a_folder_is_no_file_for_poses(model, clip, tmp_path, capsys):
    folder = tmp_path / "folder.npz"
    folder.mkdir()
    assert cli.infer([model, clip, "-o", str(folder), "-q"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"h2ot-infer: error: {folder}: expected the name of a file, this is a folder\n"
    assert list(tmp_path.glob(".*")) == []


def test_a_traceback_only_when_asked_for(model, poses, capsys):
    arguments = [model, "none.npz", "-o", str(poses)]
    assert cli.infer([*arguments, "-v"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert cli.infer([*arguments, "-vv"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("h2ot-infer: debug: this is where it came from:\nTraceback")
    assert err.endswith(
        "h2ot-infer: error: none.npz: no such file; expected a clip, .npz, .json or .csv, or a "
        "folder of OpenPose's or Ultralytics' files\n"
    )


def test_the_output_is_checked_before_the_work(clip, capsys):
    assert cli.infer(["no-model.onnx", clip, "-o", "poses.npz", "-o", "poses.txt"]) == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: poses.txt: poses are written as .npz, .json, .csv, .trc, .c3d, .bvh; "
        "end the name in one\n"
    )


def test_folders_are_made_before_the_work(model, clip, tmp_path, capsys, monkeypatch):
    poses, picture = tmp_path / "a" / "poses.npz", tmp_path / "b" / "c" / "out.png"
    arguments = [model, clip, "-o", str(poses), "--plot", str(picture), "-q"]

    def lift(*_, **__):
        assert poses.parent.is_dir()
        assert picture.parent.is_dir()
        raise InputError("the work begins")

    with monkeypatch.context() as patch:
        patch.setattr(infer_, "lift", lift)
        assert cli.infer(arguments) == 2
    assert capsys.readouterr().err == "h2ot-infer: error: the work begins\n"
    assert cli.infer(arguments) == 0
    assert poses.is_file()
    assert picture.is_file()


def test_a_picture_that_cannot_be_written_is_refused_before_the_work(
    model, clip, poses, tmp_path, capsys
):
    for picture, message in (
        (
            Path(model) / "out.png",
            f"{model}/out.png: the folder {model} cannot be made (File exists); give another name",
        ),
        (tmp_path, f"{tmp_path}: pictures are written as .png; end the name in .png"),
    ):
        assert cli.infer([model, clip, "-o", str(poses), "--plot", str(picture), "-q"]) == 2
        assert capsys.readouterr().err == f"h2ot-infer: error: {message}\n"
        assert not poses.exists()


def test_drawing_is_checked_before_the_work(clip, poses, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    arguments = ["no-model.onnx", clip, "-o", str(poses), "--plot", "out.png"]
    assert cli.infer(arguments) == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: matplotlib cannot be imported (import of matplotlib halted; None in "
        "sys.modules); pip install 'h2ot-edge[viz]'\n"
    )


def test_wrong_arguments_are_status_2(capsys):
    assert cli.infer(["model.onnx"]) == 2
    assert capsys.readouterr() == (
        "",
        "h2ot-infer: error: the following arguments are required: CLIP, -o/--output; "
        "h2ot-infer --help shows what it takes\n",
    )
    assert cli.inspect(["--json"]) == 2
    out, _ = capsys.readouterr()
    assert json.loads(out) == {
        "error": {
            "type": "UsageError",
            "message": "the following arguments are required: MODEL; h2ot-inspect --help "
            "shows what it takes",
        }
    }


def test_ctrl_c_is_status_130(model, clip, poses, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(infer_file, "read_clip", interrupted)
    assert cli.infer([model, clip, "-o", str(poses)]) == 130


def test_the_log_is_left_as_it_was(model, clip, poses):
    logger = logging.getLogger("h2ot_edge")
    before = logger.level, list(logger.handlers)
    assert cli.infer([model, clip, "-o", str(poses), "-v"]) == 0
    assert (logger.level, list(logger.handlers)) == before


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_counts_windows(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with _bars.progress_bar("window", shown=True) as progress:
        progress(1, 3)
        time.sleep(0.15)  # tqdm draws ten times a second at most
        progress(3, 3)
    assert "3/3" in terminal.getvalue()


def test_progress_is_shown_on_a_terminal_only(model, clip, poses, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.infer([model, clip, "-o", str(poses)]) == 0
    assert "window/s" in terminal.getvalue()
    quiet = Terminal()
    monkeypatch.setattr(sys, "stderr", quiet)
    assert cli.infer([model, clip, "-o", str(poses), "-q"]) == 0
    assert quiet.getvalue() == ""


def test_without_tqdm_there_is_no_bar_and_it_is_said(model, clip, poses, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert cli.infer([model, clip, "-o", str(poses), "-v"]) == 0
    assert terminal.getvalue() == RANDOM + (
        "h2ot-infer: info: no progress bar: tqdm cannot be imported (import of tqdm halted; None "
        "in sys.modules); pip install 'h2ot-edge[ort]'\n"
    )


# h2ot


@pytest.mark.parametrize(
    ("command", "prog"),
    [
        (lambda: cli.main(["infer", "--help"]), "h2ot infer"),
        (lambda: cli.infer(["--help"]), "h2ot-infer"),
    ],
)
def test_help_has_groups_and_defaults(command, prog, capsys):
    assert command() == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: {prog} ")
    for group in ("input:", "output:", "running:", "talking:"):
        assert f"\n{group}\n" in out
    assert "cuda:0 with TensorRT (default: auto)" in " ".join(out.split())
    assert "default: None" not in out
    assert "default: 0)" not in out


@pytest.mark.parametrize("command", [cli.main, cli.infer, cli.inspect])
def test_version(command, capsys):
    assert command(["--version"]) == 0
    assert capsys.readouterr().out == f"h2ot-edge {h2ot_edge.__version__}\n"


def test_the_overview_lists_the_commands(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    for line in (
        r"  infer +lift a film, or the 2-D keypoints of a clip, to 3-D poses\n",
        r"  inspect +show the card of a model\n",
        r"  export +\S",
    ):
        assert re.search(line, out)


def test_an_unknown_command_has_a_near_miss(capsys):
    assert cli.main(["infr", "a.onnx"]) == 2
    assert capsys.readouterr().err == (
        "h2ot: error: no command 'infr'; did you mean 'infer'? "
        "(known: bench, build, cache, doctor, eval, export, infer, inspect, live, models, train)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a command; h2ot --help shows what it takes"),
        (["--fast"], "unrecognized arguments: --fast; h2ot --help shows what it takes"),
    ],
)
def test_h2ot_alone_is_wrong_use(arguments, message, capsys):
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err == f"h2ot: error: {message}\n"


# inspect


def full_card():
    return tiny_card(
        preset="hot",
        prune="tpc",
        recover="tra",
        schedule={1: 5, 2: 3},
        with_kept=True,
        batch=2,
        flip_tta=True,
        licence="weights: not known",
        flops={"published": {"linear": 1.5e9, "total": 2e9}, "windows": 1},
        parity={"max_abs": 1.23456e-6, "kept": {"equal": True, "windows": 8}},
        accuracy={"data": "ten walks", "mpjpe_mm": 43.21},
        training={"recipe": {"steps": 3}, "seed": 0},
        versions={"torch": "2.13.0", "onnx": "1.23.2"},
    )


def test_inspect_shows_the_card(tmp_path, capsys):
    model = save_tiny(tmp_path / "tiny.onnx", full_card())
    assert cli.inspect([str(model)]) == 0
    assert capsys.readouterr().out == (
        "model            tiny linear, 9 frames, seq2seq, mean with the mirrored input\n"
        "                 batch 2, opset 17, 9 parameters\n"
        "tokens           5 from block 1, 3 from block 2 "
        "(hot: pruned by tpc, recovered by tra)\n"
        "precision        fp32\n"
        "input            keypoints float32 [2, 9, 17, 3]\n"
        "                 x, y, confidence; normalised by image-width\n"
        "output           poses float32 [2, 9, 17, 3]\n"
        "                 m; camera orientation, origin near the hip (joint 0); "
        "x right, y down, z away from the camera\n"
        "                 kept int64 [2, 3]\n"
        "joints           hip, rhip, rknee, rankle, lhip, lknee, lankle, spine, thorax, neck, "
        "head, lshoulder, lelbow, lwrist, rshoulder, relbow, rwrist\n"
        "weights          seed 0, source random\n"
        "licence          weights: not known\n"
        "training         seed: 0\n"
        "accuracy         data: ten walks\n"
        "                 mpjpe_mm: 43.21\n"
        "flops published  linear 1.500 G, total 2.000 G\n"
        "flops windows    1\n"
        "parity           kept: equal True, windows 8\n"
        "                 max_abs: 1.235e-06\n"
        "versions         onnx 1.23.2, torch 2.13.0\n"
    )


def test_inspect_says_what_is_not_known(tmp_path, capsys):
    model = save_tiny(tmp_path / "tiny.onnx")
    assert cli.main(["inspect", str(model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "model        tiny linear, 9 frames, seq2seq" in lines
    assert "             batch any, opset 17, 9 parameters" in lines
    assert "tokens       all 9 frames kept" in lines
    assert "precision    fp32" in lines
    assert "input        keypoints float32 [batch, 9, 17, 3]" in lines
    assert "accuracy     not measured" in lines
    assert "parity       not recorded" in lines
    assert not any(line.startswith("training") for line in lines)
    assert "versions     not recorded" in lines


def test_inspect_in_json_is_the_card(tmp_path, capsys):
    model = save_tiny(tmp_path / "tiny.onnx", full_card())
    assert cli.inspect([str(model), "--json"]) == 0
    assert ModelCard.from_json(capsys.readouterr().out) == full_card()


def test_inspect_refuses_another_file(tmp_path, capsys):
    other = tmp_path / "other.onnx"
    other.write_text("text")
    assert cli.inspect([str(other)]) == 2
    assert capsys.readouterr().err == (
        f"h2ot-inspect: error: {other}: not an ONNX file; expected an ONNX model from h2ot-export\n"
    )


# the installed command, in its own process


def test_the_command_from_the_shell(model, clip, poses):
    command = Path(sysconfig.get_path("scripts")) / "h2ot-infer"
    done = subprocess.run(
        [command, model, clip, "-o", poses], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, RANDOM)
    assert done.stdout.startswith(f"poses  {poses} (20 frames, 17 joints)\n")


@pytest.mark.parametrize("library", ["onnx", "onnxruntime", "torch"])
def test_inspect_needs_none_of_the_heavy_libraries(model, library):
    code = (
        "import sys; from h2ot_edge.cli import main; status = main(['inspect', sys.argv[1]]); "
        f"sys.exit(3 if {library!r} in sys.modules else status)"
    )
    done = subprocess.run([sys.executable, "-c", code, model], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
