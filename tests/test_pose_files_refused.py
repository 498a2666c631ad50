"""pose_files: files that are no poses, or damaged."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiny_models import tiny_card
from written_poses import full, numbers

import h2ot_edge
from h2ot_edge import InputError, read_poses, write_poses

SAMPLE = Path(h2ot_edge.__file__).parent / "data" / "walk.npz"
WRITTEN = "no poses of h2ot-infer or write_poses: "


@pytest.fixture
def path(tmp_path):
    return tmp_path / "poses.npz"


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_poses(path)
    return str(caught.value)


def changed(path, **changes):
    """A file of poses of which some arrays are others, or gone."""
    write_poses(path, full(), tiny_card())
    arrays = {**np.load(path), **changes}
    np.savez(path, **{name: each for name, each in arrays.items() if each is not None})
    return path


def test_no_file(path):
    assert refusal(path) == (
        f"{path}: no such file; expected poses, .npz or .json, as h2ot-infer writes them"
    )
    other = path.with_suffix(".csv")
    write_poses(other, full(), tiny_card())
    assert refusal(other) == (
        f"{other}: poses are read from .npz or .json, which hold all that there is; write them as "
        "one of these too"
    )


def test_a_truncated_file(path):
    write_poses(path, full(), tiny_card())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refusal(path) == (
        f"{path}: not a readable .npz file (File is not a zip file); write or copy it again"
    )
    path.write_bytes(b"")
    assert refusal(path) == (
        f"{path}: not a readable .npz file (No data left in file); write or copy it again"
    )


def test_a_damaged_file(path):
    write_poses(path, full(), tiny_card())
    damaged = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("poses.npy").header_offset + 500
    damaged[place] ^= 255
    path.write_bytes(damaged)
    assert refusal(path) == (
        f"{path}: not a readable .npz file (Bad CRC-32 for file 'poses.npy'); write or copy it "
        "again"
    )


def test_no_damage_is_more_than_an_input_error(path):
    """Also where zipfile and zlib have errors of their own."""
    write_poses(path, full(), tiny_card())
    np.savez_compressed(path, **np.load(path))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 400):
        damaged = bytearray(whole)
        damaged[place] ^= rng.integers(1, 256)
        path.write_bytes(damaged)
        try:
            read_poses(path)
        except InputError:
            refused += 1
    assert refused > 100


def test_a_header_that_lies(path):
    """numpy makes room for what the header says before it reads."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999, 17, 3)}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("poses.npy", b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117) + b"\n")
    assert refusal(path).startswith(f"{path}: not a readable .npz file (")


def test_a_foreign_file(path):
    np.savez(path, keypoints=numbers(4, 17, 3), fps=25)
    assert refusal(path) == (
        f"{path}: {WRITTEN}poses, joints, unit, axes not found among its arrays (fps, keypoints); "
        "read_clip reads keypoints"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("poses", "text")
    assert refusal(path) == (
        f"{path}: {WRITTEN}poses, joints, unit, axes not found among its arrays (none); "
        "read_clip reads keypoints"
    )
    assert refusal(SAMPLE) == (
        f"{SAMPLE}: {WRITTEN}unit, axes not found among its arrays (fps, image_size, joints, "
        "keypoints, poses, source); read_clip reads keypoints"
    )
    with path.open("wb") as file:
        np.save(file, numbers(4, 17, 3))
    assert refusal(path) == (
        f"{path}: not a readable .npz file (a single array, as np.save writes it); write or copy "
        "it again"
    )


@pytest.mark.parametrize("name", ["poses", "filters", "card", "other"])
def test_pickles_are_not_opened(path, name):
    changed(path, **{name: np.array([{}], object)})
    assert refusal(path) == (
        f"{path}: holds pickled Python objects, which can run code when they are read; save plain "
        "arrays with np.savez"
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "poses",
            numbers(4, 16, 3),
            "positions: expected (t, 17, 3) or (n, t, 17, 3), got (4, 16, 3)",
        ),
        ("poses", np.array(["a"]), "poses: expected real numbers, got dtype <U1"),
        ("valid", np.ones((5, 17), bool), "valid: expected bool (6, 17), got bool (5, 17)"),
        ("valid", np.ones((6, 17)), "valid: expected bool (6, 17), got float64 (6, 17)"),
        ("confidence", np.ones(6), "confidence: expected (6, 17), got (6,)"),
        (
            "confidence",
            np.full((6, 17), np.nan),
            "confidence: holds NaN or infinity; 0 is that of what was not seen",
        ),
        ("timestamps", np.arange(5.0), "timestamps: expected (6,) seconds, got (5,)"),
        (
            "timestamps",
            np.zeros(6),
            "timestamps: expected finite seconds that rise from frame to frame",
        ),
        ("fps", [1.0, 2.0], "fps: expected one number, got an array of (2,)"),
        ("fps", "30", "fps: expected real numbers, got dtype <U2"),
        ("fps", np.nan, "fps: expected a finite number above 0, got nan"),
        ("unit", "mm", "no unit 'mm'; did you mean 'm'? (known: m, normalised)"),
        ("unit", ["m"], "unit: expected one text, got <U1 (1,)"),
        ("unit", 1.0, "unit: expected one text, got float64 ()"),
        ("frame", "hip", "no frame 'hip' (known: root, camera, world)"),
        ("axes", ["x", "y"], "axes: expected the directions of x, y and z, got 2"),
        ("axes", "xyz", "axes: expected a list of texts, got <U3 ()"),
        ("filters", np.zeros(1), "filters: expected a list of texts, got float64 (1,)"),
        (
            "joints",
            ["hip", "knee"],
            "joints: expected those of h2ot_edge.skeleton in order, got hip, knee",
        ),
    ],
)
def test_what_does_not_fit(path, name, value, message):
    changed(path, **{name: value})
    assert refusal(path) == f"{path}: {message}; the file is damaged, write it again"
