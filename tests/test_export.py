"""The export: from options to a verified file."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from small_networks import (
    FAMILY,
    SmallMotionBERT,
    graph_of,
    options,
    plan_of,
    run,
    sizes,
    small_network,
)

import h2ot_edge
from h2ot_edge import ModelCard
from h2ot_edge.benchmarks.motion.probe_windows import KINDS, probe_windows
from h2ot_edge.engines.onnx_model import open_session
from h2ot_edge.errors import ParityError
from h2ot_edge.export import BACKBONES, ExportOptions, choose_plan, export_model
from h2ot_edge.export.pipeline import STAGES
from h2ot_edge.skeleton import JOINTS

pytestmark = pytest.mark.usefixtures("small_backbone")


def test_the_file_has_the_promised_tensors_and_the_card(exported):
    card, path = exported
    model = onnx.load(path)
    assert [(v.name, sizes(v)) for v in model.graph.input] == [("keypoints", [1, 9, 17, 3])]
    assert [(v.name, sizes(v)) for v in model.graph.output] == [("poses", [1, 9, 17, 3])]
    types = {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)}
    assert types == {TensorProto.FLOAT}
    assert ModelCard.from_onnx(path) == card
    assert (model.producer_name, model.producer_version) == ("h2ot-edge", h2ot_edge.__version__)


def test_the_card_says_what_was_exported(exported):
    card, _ = exported
    assert card.to_dict() | {"flops": None, "parity": None, "versions": None} == {
        "backbone": "small",
        "variant": "base",
        "frames": 9,
        "mode": "seq2seq",
        "preset": "hot",
        "prune": "tpc",
        "recover": "tra",
        "schedule": {1: 3},
        "flip_tta": False,
        "with_kept": False,
        "batch": 1,
        "opset": 17,
        "joints": JOINTS,
        "input": {
            "name": "keypoints",
            "channels": ("x", "y", "confidence"),
            "normalisation": "image-width",
        },
        "output": {
            "name": "poses",
            "frame_of_reference": "camera orientation, origin near the hip (joint 0)",
            "axes": ("x right", "y down", "z away from the camera"),
            "unit": "normalised",
        },
        "weights": {"source": "random", "seed": 0},
        "parameters": sum(p.numel() for p in SmallMotionBERT(choose_plan(FAMILY, 9)).parameters()),
        "flops": None,
        "parity": None,
        "versions": None,
        "licence": "random weights: no terms",
        "accuracy": {},
        "training": {},
        "precision": {"name": "fp32"},
        "schema_version": 3,
    }
    assert card.parity["windows"] == len(KINDS)
    assert 0 < card.parity["largest"] < 1e-4 * card.parity["rms"]
    assert card.parity["kept_differ"] == 0
    assert card.parity["repeatable"] is True
    assert card.versions["torch"] == torch.__version__
    assert card.versions["onnx"] == onnx.__version__
    assert card.versions["onnxruntime"] == onnxruntime.__version__


def test_the_card_is_read_without_the_libraries_of_the_export(exported):
    card, path = exported
    code = (
        "import sys\n"
        "for name in ('onnx', 'torch', 'onnxruntime', 'onnxslim'):\n"
        "    sys.modules[name] = None\n"
        "from h2ot_edge import ModelCard\n"
        "print(ModelCard.from_onnx(sys.argv[1]).to_json())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert done.stdout == card.to_json() + "\n"


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path, exported):
    path = tmp_path / "new" / "folder" / "model.onnx"
    export_model(options(), path)
    path.write_text("old")
    stages = []
    export_model(options(), path, stages.append)
    assert path.read_bytes() == exported[1].read_bytes()
    assert list(path.parent.iterdir()) == [path]
    assert tuple(stages) == STAGES


def test_others_may_read_the_file_as_they_may_any_new_file(exported, tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert stat.S_IMODE(exported[1].stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    folder = tmp_path / "folder.onnx"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        export_model(options(), folder)
    assert list(tmp_path.iterdir()) == [folder]
    assert list(folder.iterdir()) == []


class Misfolded(SmallMotionBERT):
    """A backbone whose author made a mistake: folding moves every pose by 1 cm along x."""

    def fold(self):
        super().fold()
        self.head.bias.data[0] += 0.01


def test_nothing_is_written_when_the_graph_is_not_the_network(tmp_path, monkeypatch):
    monkeypatch.setitem(BACKBONES, "misfolded", replace(FAMILY, network=Misfolded))
    path = tmp_path / "model.onnx"
    path.write_text("the export of yesterday")
    with pytest.raises(ParityError) as caught:
        export_model(options(backbone="misfolded"), path)
    report = caught.value.report
    assert report["mean"] == pytest.approx(0.01 / 3, rel=1e-3)
    assert report["largest"] == pytest.approx(0.01, rel=1e-3)
    assert report["largest_mm"] == pytest.approx(10, rel=1e-3)
    assert json.loads(json.dumps(report)) == report
    rms = report["rms"]
    assert str(caught.value) == (
        "the graph is not the network: "
        f"mean difference {report['mean']:.3g}, allowed {1e-5 * rms:.3g}; "
        f"largest difference {report['largest']:.3g}, allowed {1e-4 * rms:.3g} "
        f"(worst on the window {report['worst_window']!r}, frame {report['worst_frame']}); "
        "nothing was written"
    )
    assert path.read_text() == "the export of yesterday"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["motionagformer xs", "mhformer base"])
def test_published_sizes_with_a_short_window(variant, tmp_path):
    backbone, variant = variant.split()
    family = BACKBONES[backbone]
    chosen = ExportOptions(backbone=backbone, variant=variant, plan=choose_plan(family, 27))
    card = export_model(chosen, tmp_path / chosen.file_name())
    names = {
        "motionagformer": "motionagformer-xs-27-hot-random.onnx",
        "mhformer": "mhformer-base-27-hot-random.onnx",
    }
    assert [file.name for file in tmp_path.iterdir()] == [names[backbone]]
    given = card.parity["given_choices_largest"]
    assert given is None or given < 1e-4 * card.parity["rms"]
    frames = {"motionagformer": 27, "mhformer": 1}[backbone]
    assert sizes(onnx.load(tmp_path / names[backbone]).graph.output[0]) == [1, frames, 17, 3]


EXPORT_IN_A_PROCESS = """
import sys, pathlib
from small_networks import FAMILY
from h2ot_edge.export import BACKBONES, ExportOptions, choose_plan, export_model
BACKBONES["small"] = FAMILY
export_model(
    ExportOptions(backbone="small", variant="base", plan=choose_plan(FAMILY, 9)),
    pathlib.Path(sys.argv[1]),
)
"""


def test_every_process_writes_the_same_bytes(exported, tmp_path):
    """Whatever the order in which it meets the elements of a set."""
    digests = {hashlib.sha256(exported[1].read_bytes()).hexdigest()}
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.onnx"
        paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
        command = [sys.executable, "-c", EXPORT_IN_A_PROCESS, path]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_another_seed_is_another_network(exported, tmp_path):
    card = export_model(options(seed=1), tmp_path / "model.onnx")
    assert card.weights == {"source": "random", "seed": 1}
    windows = probe_windows(9, 3)[:1]
    first, other = (
        run(onnx.load(path), windows)[0] for path in (exported[1], tmp_path / "model.onnx")
    )
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize("threads", [1, 2])
def test_two_runs_are_bit_identical(threads):
    model = graph_of(small_network("mixste", plan_of(frames=27, schedule={1: 9})), batch=8)
    windows = probe_windows(27, 2)
    session, other = open_session(model, threads), open_session(model, threads)
    first = session.run(None, {"keypoints": windows})
    for again in (session, session, other):
        for one, two in zip(first, again.run(None, {"keypoints": windows}), strict=True):
            np.testing.assert_array_equal(one, two)
