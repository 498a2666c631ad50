"""`docs/jetson.md`: its commands parse, its tables and `Dockerfile.jetson` say the same."""

import re
import shlex
from pathlib import Path

import pytest

from h2ot_edge import cli
from h2ot_edge.benchmarks.device import PRECISIONS, steps_for
from h2ot_edge.benchmarks.device import check as device_check

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "jetson.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile.jetson").read_text()


def lines():
    """The commands of all console blocks."""
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        for line in block.splitlines():
            assert line.startswith("$ "), line
            yield line[2:].partition("  #")[0].strip()


def ours():
    """Commands of this project: name and arguments, those in the container too."""
    for line in lines():
        words = shlex.split(line)
        if words[:2] == ["h2ot-run", "h2ot-edge"]:
            yield words[2], words[3:]
        elif words[0].startswith("h2ot-") and words[0] != "h2ot-run":
            yield words[0].removeprefix("h2ot-"), words[1:]


def section(title):
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("name", "arguments"), list(ours()))
def test_commands_parse(name, arguments):
    command, taken, prog = cli._chosen(cli._COMMANDS[name], arguments, f"h2ot-{name}")
    cli._parser(command, prog).parse_args(taken)


def test_the_commands_are_found():
    assert {name for name, _ in ours()} == {"bench", "build", "cache", "doctor", "export", "infer"}


def test_the_device_check_parses():
    given = [shlex.split(line) for line in lines() if line.startswith("scripts/verify_on_device")]
    assert len(given) > 3
    for words in given:
        device_check._parser().parse_args(words[1:])
    module = "-m h2ot_edge.benchmarks.device.check"
    assert [line for line in lines() if line.endswith(f"--entrypoint python h2ot-edge {module}")]


def test_options_in_the_text_exist():
    known = "".join(path.read_text() for path in (ROOT / "h2ot_edge" / "cli").glob("*.py"))
    known += (ROOT / "benchmarks" / "device" / "check.py").read_text()
    ours = re.findall(r"`(?:h2ot-\w+[^`]*)?(--[a-z][a-z-]+)", TEXT)
    others = {"--group-add", "--runtime", "--user", "--system-site-packages"}
    assert {option for option in ours if f'"{option}"' not in known} - others == set()


def test_what_the_device_check_tries_is_what_was_not_run():
    told = set(re.findall(r"`([^`]+)`", " ".join(
        row.split("|")[2] for row in section("Not run yet").splitlines() if row.startswith("| ")
    )))  # fmt: skip
    steps = {name for name in steps_for(PRECISIONS) if "tensorrt-rtx" not in name}
    assert told - {"scripts/verify_on_device"} == steps | {"build tensorrt-rtx fp32"}


@pytest.mark.parametrize(
    ("jetpack", "heading"),
    [("6.2", "JetPack 6.1 and 6.2"), ("6.0", "JetPack 6.0"), ("7.2", "JetPack 7.2")],
)
def test_versions_are_those_of_the_image(jetpack, heading):
    pins = rf"AS base-{jetpack}\n.*?CUDA_PYTHON=(\S+) NUMPY=(\S+)"
    ((cuda_python, numpy),) = re.findall(pins, DOCKERFILE, re.DOTALL)
    text = TEXT.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    assert re.findall(r"cuda-python==([\d.]+)", text) == [cuda_python]
    assert re.findall(r"numpy==([\d.]+)", text) == ([] if jetpack == "6.0" else [numpy])


def test_images_are_those_of_the_dockerfile():
    tags = re.findall(r"nvcr\.io/nvidia/[\w-]+:(\S+) AS base-", DOCKERFILE)
    assert len(tags) == 4
    assert [tag for tag in tags if tag not in TEXT] == []
    jetpacks = set(re.findall(r"AS base-(\S+)", DOCKERFILE))
    assert set(re.findall(r"JETPACK=([\d.]+)", TEXT)) <= jetpacks


def test_sources_are_there_and_used():
    listed = re.findall(r"^(\d+)\. ", section("Sources"), re.MULTILINE)
    cited = set(re.findall(r"\[(\d+)\]", TEXT))
    assert listed == [str(number) for number in range(1, len(listed) + 1)]
    assert cited == set(listed)


def test_tensorrt_is_never_installed_by_pip():
    for line in lines():
        assert not re.search(r"pip install.*\btensorrt\b", line), line


def test_the_example_uses_options_that_there_are():
    from h2ot_edge.backends.trt_options import TensorRtOptions

    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    compile(code, "jetson.md", "exec")
    names = set(re.findall(r"(\w+)=", code))
    assert names - set(TensorRtOptions.__dataclass_fields__) == {"backend", "device"}
