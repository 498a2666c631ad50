"""What the pages show runs: their Python from top to bottom, and the commands parse."""

import json
import re
import shlex
import shutil
from contextlib import ExitStack

import numpy as np
import pytest
import ros_stand_in
from markdown_pages import ROOT, WRITTEN, blocks_of, commands_in, name_of
from stand_in_engines import machine_of

from h2ot_edge import Engine, cli
from h2ot_edge.layouts import LAYOUTS, check_orientation
from h2ot_edge.sample import sample_clip
from h2ot_edge.skeleton import JOINTS
from h2ot_edge.video import VideoWriter

WITH_PYTHON = [path for path in WRITTEN if any(b.language == "python" for b in blocks_of(path))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in which a page's reader is: the package's files, and nothing else."""
    (tmp_path / "h2ot_edge").symlink_to(ROOT / "h2ot_edge")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("H2OT_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def orin(folder, monkeypatch):
    """A stand-in for a GPU and TensorRT, on which nothing may be left at the end."""
    with machine_of(monkeypatch, folder) as made:
        yield made


def detected(layout, frames=40):
    """(t, j, 3) pixels of the sample walk, as a detector with that layout has them."""
    h36m = sample_clip().keypoints[:frames]
    table = LAYOUTS[layout]
    points = np.zeros((frames, len(table.joints), 3), np.float32)
    for name, sources in table.sources.items():
        for joint in sources:
            points[:, table.joints.index(joint)] = h36m[:, JOINTS.index(name)]
    return points


def save_openpose(folder):
    (folder / "openpose").mkdir()
    for number, frame in enumerate(detected("body25")):
        document = {"people": [{"person_id": [-1], "pose_keypoints_2d": frame.ravel().tolist()}]}
        path = folder / "openpose" / f"walk_{number:012d}_keypoints.json"
        path.write_text(json.dumps(document))


def save_alphapose(path):
    frames = enumerate(detected("coco17"))
    path.write_text(json.dumps([
        {"image_id": f"{number}.jpg", "keypoints": frame.ravel().tolist(), "score": 3.0, "idx": 1}
        for number, frame in frames
    ]))  # fmt: skip


def for_quickstart(folder, stack, request):
    request.getfixturevalue("orin")
    save_alphapose(folder / "alphapose-results.json")
    np.save(folder / "coco-keypoints.npy", detected("coco17"))
    return {}


def for_coordinates(folder, stack, request):
    engine = stack.enter_context(Engine.load("motionbert-s"))
    return {"engine": engine, "keypoints": sample_clip().keypoints}


def for_keypoints(folder, stack, request):
    save_openpose(folder)
    return {"check_orientation": check_orientation}


DETECT = """
import numpy as np

keypoints = iter(np.load("coco-keypoints.npy"))


def find(image):
    return next(keypoints)
"""


def for_embedding(folder, stack, request):
    clip = sample_clip()
    np.save(folder / "coco-keypoints.npy", detected("coco17"))
    (folder / "detect.py").write_text(DETECT)
    width, height = map(int, clip.image_size)
    with VideoWriter(folder / "walk.mp4", (width, height), fps=clip.fps) as video:
        for number in range(40):
            video.write(np.zeros((height, width, 3), np.uint8), number / clip.fps)
    return {}


def for_engines(folder, stack, request):
    request.getfixturevalue("orin")
    assert cli.build(["motionbert-s", "-o", "motionbert-s.engine"]) == 0
    return {"keypoints": sample_clip().keypoints}


def for_jetson(folder, stack, request):
    request.getfixturevalue("orin")
    model = ROOT / "h2ot_edge" / "models" / "motionbert-s.onnx"
    shutil.copy(model, folder / "motionbert-s-fp16.onnx")
    return {}


def for_ros2(folder, stack, request):
    ros_stand_in.install(request.getfixturevalue("monkeypatch"))
    return {"__name__": "poses"}


# What is there when a page begins; of all others nothing.
BEGINNINGS = {
    "docs/quickstart.md": for_quickstart,
    "docs/coordinates.md": for_coordinates,
    "docs/keypoints.md": for_keypoints,
    "docs/embedding.md": for_embedding,
    "docs/engines.md": for_engines,
    "docs/jetson.md": for_jetson,
    "docs/ros2.md": for_ros2,
}


@pytest.mark.parametrize("path", WITH_PYTHON, ids=name_of)
def test_python_runs_from_top_to_bottom(path, folder, request, capsys):
    """And prints the text that stands right behind it."""
    with ExitStack() as stack:
        begin = BEGINNINGS.get(name_of(path))
        names = begin(folder, stack, request) if begin else {}
        printed = None
        for block in blocks_of(path):
            if block.language == "python":
                capsys.readouterr()
                exec(compile(block.code, name_of(path), "exec"), names)
                printed = capsys.readouterr().out
                continue
            if block.language == "text" and block.follows and printed is not None:
                assert printed == block.code
            if name_of(path) == "docs/quickstart.md" and block.language == "console":
                run_ours(block)
            printed = None


def run_ours(block):
    """The commands of a console block that are ours."""
    for command in commands_in(block):
        words = shlex.split(command)
        if words[0].startswith("h2ot-"):
            assert cli.main([words[0].removeprefix("h2ot-"), *words[1:]]) == 0


def test_the_quick_start_is_run_as_a_whole():
    blocks = blocks_of(ROOT / "docs" / "quickstart.md")
    assert {block.language for block in blocks} == {"console", "python", "text"}
    assert all(block.follows for block in blocks if block.language == "text")
    commands = [command.split()[0] for block in blocks for command in commands_in(block)]
    assert set(commands) == {"python3", ".", "pip", "h2ot-models", "h2ot-infer", "h2ot-build"}


def test_the_readme_says_what_it_prints(folder, capsys):
    (block,) = (b for b in blocks_of(ROOT / "README.md") if b.language == "python")
    (expected,) = re.findall(r"print\(.*\)  # (.*)", block.code)
    exec(compile(block.code, "README.md", "exec"), {})
    assert capsys.readouterr().out == f"{expected}\n"


COMMANDS = sorted({
    (name_of(path), command)
    for path in WRITTEN for block in blocks_of(path) for command in commands_in(block)
})  # fmt: skip


@pytest.mark.parametrize(
    ("page", "command"), [pair for pair in COMMANDS if pair[1].startswith("h2ot-")]
)
def test_our_commands_parse(page, command):
    words = shlex.split(command)
    name = words[0].removeprefix("h2ot-")
    if name != "run":  # the container, which docs/jetson.md gives that name
        command, taken, prog = cli._chosen(cli._COMMANDS[name], words[1:], words[0])
        cli._parser(command, prog).parse_args(taken)


def test_modules_and_scripts_that_are_run_exist():
    told = "".join(path.read_text() for path in WRITTEN)
    modules = set(re.findall(r"python -m (h2ot_edge[\w.]*\w)", told))
    assert len(modules) > 10
    files = [ROOT / name.replace(".", "/") for name in modules]
    assert [f for f in files if not (f.with_suffix(".py").exists() or f.is_dir())] == []
    scripts = {command.split()[0] for _, command in COMMANDS if command.startswith("scripts/")}
    assert len(scripts) > 2
    assert [name for name in scripts if not (ROOT / name).stat().st_mode & 0o111] == []


def test_extras_that_are_installed_exist():
    told = "".join(path.read_text() for path in WRITTEN)
    extras = {e for names in re.findall(r"'\.\[([\w,-]+)\]'", told) for e in names.split(",")}
    known = re.findall(r"^([\w-]+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert len(extras) > 3
    assert extras - set(known) == set()
