"""What ships, and what stays light."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import h2ot_edge

ROOT = Path(__file__).parents[1]
FOLDERS = ("export", "engines", "benchmarks")
NOT_COPIED = ("build", ".git", ".*_cache", "*.egg-info", "__pycache__", "artifacts")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of a copy of the tree, so that nothing is left behind in this one."""
    folder = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns(*NOT_COPIED)
    shutil.copytree(ROOT, folder / "tree", symlinks=True, ignore=ignore)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(folder / "tree")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def shipped():
    """Files of the tree under the names they have in the wheel; links are not followed."""
    names = set()
    for folder in ("h2ot_edge", *FOLDERS):
        prefix = "" if folder == "h2ot_edge" else "h2ot_edge/"
        for path in (ROOT / folder).rglob("*.py"):
            names.add(prefix + path.relative_to(ROOT).as_posix())
    return names | {"h2ot_edge/py.typed"} | set(data())


def data():
    """Files that are no code, under the names they have in the wheel."""
    yield from (f"h2ot_edge/data/{path.name}" for path in (ROOT / "h2ot_edge/data").iterdir())
    yield "h2ot_edge/models/index.json"
    yield "h2ot_edge/pose_files/poses.schema.json"
    for page in ("viewer", "live_view"):
        assets = ROOT / "h2ot_edge" / page / "assets"
        yield from (f"h2ot_edge/{page}/assets/{path.name}" for path in assets.iterdir())
    for name, entry in json.loads((ROOT / "h2ot_edge/models/index.json").read_text()).items():
        yield f"h2ot_edge/export/weights/{entry['weights']}"
        if entry["ready"]:
            yield f"h2ot_edge/models/{name}.onnx"
    folders = ("bench/*.json", "projection/*.json", "report/templates/*", "results/sweep-*.json")
    for pattern in folders:
        for path in (ROOT / "benchmarks").glob(pattern):
            yield f"h2ot_edge/{path.relative_to(ROOT).as_posix()}"


def test_the_wheel_holds_the_tree_and_nothing_else(wheel):
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == shipped()
    assert {f"h2ot_edge/{folder}/__init__.py" for folder in FOLDERS} <= held


def test_the_wheel_holds_the_licence(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/LICENSE"))
    assert wheel.read(name) == (ROOT / "LICENSE").read_bytes()


def test_the_wheel_brings_the_commands(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert wheel.read(name).decode().split() == [
        "[console_scripts]",
        *("h2ot", "=", "h2ot_edge.cli:main"),
        *("h2ot-bench", "=", "h2ot_edge.cli:bench"),
        *("h2ot-build", "=", "h2ot_edge.cli:build"),
        *("h2ot-cache", "=", "h2ot_edge.cli:cache"),
        *("h2ot-doctor", "=", "h2ot_edge.cli:doctor"),
        *("h2ot-eval", "=", "h2ot_edge.cli:evaluate"),
        *("h2ot-export", "=", "h2ot_edge.cli:export"),
        *("h2ot-infer", "=", "h2ot_edge.cli:infer"),
        *("h2ot-inspect", "=", "h2ot_edge.cli:inspect"),
        *("h2ot-live", "=", "h2ot_edge.cli:live"),
        *("h2ot-models", "=", "h2ot_edge.cli:models"),
        *("h2ot-train", "=", "h2ot_edge.cli:train"),
    ]


def test_the_base_install_needs_numpy_only(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    needed = re.findall(r"^Requires-Dist: (.*)$", wheel.read(name).decode(), re.MULTILINE)
    assert [line for line in needed if "extra ==" not in line] == ["numpy>=1.24"]


@pytest.mark.parametrize(
    "heavy", ["torch", "onnx", "onnxruntime", "tensorrt", "tensorrt_rtx", "matplotlib", "tqdm"]
)
def test_importing_the_package_imports_nothing_heavy(heavy):
    code = f"import sys, h2ot_edge, h2ot_edge.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_changelog_begins_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d[^\]]*)\]", text, re.MULTILINE)
    assert released[0] == h2ot_edge.__version__
