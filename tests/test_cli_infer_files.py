"""`h2ot infer`: files of poses by the end of their names, and joint angles."""

import json

import numpy as np
import pytest
from tiny_models import save_tiny, tiny_card

from h2ot_edge import cli, read_poses
from h2ot_edge.card import OutputConvention


@pytest.fixture
def model(tmp_path):
    return str(save_tiny(tmp_path / "tiny.onnx"))


@pytest.fixture
def clip(tmp_path):
    return save_clip(tmp_path / "clip.npz", fps=50)


def save_clip(path, **known):
    pixels = np.random.default_rng(0).uniform(0, 480, (20, 17, 3)).astype(np.float32)
    np.savez(path, keypoints=pixels, image_size=[640, 480], **known)
    return str(path)


def outputs(*paths):
    return [word for path in paths for word in ("-o", str(path))]


def test_every_format_in_one_run(model, clip, tmp_path, capsys):
    pytest.importorskip("c3d")
    names = ("npz", "json", "csv", "trc", "c3d", "bvh")
    paths = [tmp_path / "new" / f"poses.{name}" for name in names]
    angles = tmp_path / "other" / "angles.csv"
    arguments = [model, clip, *outputs(*paths), "--angles", str(angles), "-q"]
    assert cli.infer(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:7] == [
        *(f"poses   {path} (20 frames, 17 joints)" for path in paths),
        f"angles  {angles} (15 angles)",
    ]
    np.testing.assert_array_equal(read_poses(paths[0]), read_poses(paths[1]))
    counts = {path.suffix: len(path.read_bytes().splitlines()) for path in (*paths[2:4], angles)}
    assert counts == {".csv": 1 + 20, ".trc": 6 + 20}
    assert len(angles.read_text().splitlines()) == 1 + 20
    assert (
        paths[3].read_text().split("\n")[0].split("\t")[4].startswith("frame root: origin at the")
    )
    assert cli.infer([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["output"] == str(paths[0])
    assert report["outputs"] == [str(path) for path in paths]
    assert report["angles"] == str(angles)


def test_a_rate_can_be_given_and_is_asked_for_before_the_work(model, tmp_path, capsys):
    clip = save_clip(tmp_path / "clip.npz")
    path, table = tmp_path / "poses.trc", tmp_path / "poses.csv"
    assert cli.infer([model, clip, *outputs(table, path), "-q"]) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {path}: a .trc file has a frame rate, and that of these poses is not "
        "known; give --fps HZ on the command line, poses.replace(fps=HZ) in Python\n"
    )
    assert not table.exists()
    assert cli.infer([model, clip, *outputs(table, path), "-q", "--fps", "25"]) == 0
    assert path.read_text().splitlines()[2].split("\t")[0] == "25"


def test_units_are_asked_for_before_the_work(clip, tmp_path, capsys):
    card = tiny_card(output=OutputConvention(unit="normalised"))
    model = str(save_tiny(tmp_path / "normalised.onnx", card))
    table, path = tmp_path / "poses.csv", tmp_path / "poses.bvh"
    assert cli.infer([model, clip, *outputs(table, path), "-q"]) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {path}: a .bvh file is in metric units, got poses of unit "
        "'normalised'; call to_metric first, or write one of .npz, .json, .csv\n"
    )
    assert not table.exists()


def test_names_of_angles_are_checked_before_the_work(clip, tmp_path, capsys):
    arguments = ["none.onnx", clip, *outputs(tmp_path / "poses.npz"), "--angles", "a.txt"]
    assert cli.infer(arguments) == 2
    assert capsys.readouterr().err == (
        "h2ot-infer: error: a.txt: joint angles are written as .csv; end the name in .csv\n"
    )


def test_two_results_have_two_names(model, clip, tmp_path, capsys):
    path = tmp_path / "same.csv"
    assert cli.infer([str(model), str(clip), "-o", str(path), "--angles", str(path), "-q"]) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {path}: two results would have this name; give each its own\n"
    )


def test_a_clip_without_anybody_is_refused(model, tmp_path, capsys):
    clip = tmp_path / "nobody.npz"
    np.savez(clip, keypoints=np.full((12, 17, 3), np.nan, np.float32))
    assert cli.infer([str(model), str(clip), "-o", str(tmp_path / "p.npz"), "-q"]) == 2
    assert capsys.readouterr().err == (
        f"h2ot-infer: error: {clip}: nobody is in view in any of its 12 frames; see what the "
        "detector wrote, or name somebody else with --person\n"
    )
