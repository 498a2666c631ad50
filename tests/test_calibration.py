"""Windows to calibrate on, from clips and the project's own, and what tensors span on them."""

import hashlib
import json

import numpy as np
import pytest
from graphs import model_of, node
from tiny_models import tiny_card

from h2ot_edge.benchmarks.motion.walking_windows import walking_windows
from h2ot_edge.clips import read_clips
from h2ot_edge.detections import h36m_from_coco
from h2ot_edge.engines.precision.calibration import (
    Calibration,
    batches,
    calibration_of,
    spans,
    tensor_ranges,
)
from h2ot_edge.errors import InputError

CARD = tiny_card()
WIDTH, HEIGHT = SIZE = (1280, 720)


def people(frames, channels=3, seed=5):
    """Keypoints in pixels of somebody who is always seen, (t, 17, 3)."""
    keypoints = walking_windows(1, 1, 3, seed=seed)[0].repeat(frames, axis=0)
    keypoints[..., 0] += np.linspace(0, 0.1, frames, dtype=np.float32)[:, None]
    keypoints[..., :2] = (keypoints[..., :2] + [1, HEIGHT / WIDTH]) * WIDTH / 2
    keypoints[..., 2] = 0.9
    return keypoints[..., :channels]


def normalised(keypoints):
    """As the network takes them."""
    centred = keypoints[..., :2] * 2 / WIDTH - [1, HEIGHT / WIDTH]
    return np.concatenate([centred, keypoints[..., 2:]], axis=-1).astype(np.float32)


def save(path, keypoints, size=SIZE, **arrays):
    sizes = {} if size is None else {"image_size": size}
    np.savez(path, keypoints=keypoints, **sizes, **arrays)
    return path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refusal(*paths, card=CARD):
    with pytest.raises(InputError) as caught:
        calibration_of(paths, card)
    return str(caught.value)


# what comes out


@pytest.mark.parametrize(("frames", "channels"), [(9, 3), (5, 2)])
def test_without_clips_there_are_the_projects_own_walks(frames, channels):
    calibration = calibration_of([], tiny_card(frames=frames, channels=channels))
    expected = walking_windows(64, frames, channels, seed=0)
    np.testing.assert_array_equal(calibration.windows, expected)
    assert calibration.source == {"clips": "walking_windows", "seed": 0, "windows": 64}


def test_a_clip_is_cut_into_windows_side_by_side(tmp_path):
    keypoints = people(9 * 33)
    path = save(tmp_path / "clip.npz", keypoints)
    calibration = calibration_of([path], CARD)
    assert calibration.windows.shape == (33, 9, 17, 3)
    assert calibration.windows.dtype == np.float32
    expected = normalised(keypoints).reshape(33, 9, 17, 3)
    np.testing.assert_allclose(calibration.windows, expected, atol=1e-6)
    assert calibration.source == {"clips": {digest(path): "clip.npz"}, "windows": 33}


def test_the_last_window_ends_with_the_clip(tmp_path):
    keypoints = people(9 * 32 + 4)
    windows = calibration_of([save(tmp_path / "clip.npz", keypoints)], CARD).windows
    assert len(windows) == 33
    np.testing.assert_allclose(windows[-1], normalised(keypoints[-9:]), atol=1e-6)


def test_normalised_clips_need_no_size(tmp_path):
    keypoints = normalised(people(9 * 32))
    windows = calibration_of([save(tmp_path / "clip.npz", keypoints, None)], CARD).windows
    np.testing.assert_array_equal(windows.reshape(-1, 17, 3), keypoints)


@pytest.mark.parametrize(("given", "wanted"), [(2, 3), (3, 2)])
def test_channels_are_those_of_the_model(tmp_path, given, wanted):
    keypoints = people(9 * 32)
    path = save(tmp_path / "clip.npz", keypoints[..., :given])
    windows = calibration_of([path], tiny_card(channels=wanted)).windows
    assert windows.shape == (32, 9, 17, wanted)
    assert (windows[..., 2:] == 1).all()


def test_windows_of_several_clips_of_a_file_do_not_cross(tmp_path):
    keypoints = people(200 + 12 + 150)
    path = save(tmp_path / "clips.npz", keypoints, offsets=[0, 200, 212, 362])
    windows = calibration_of([path], CARD).windows
    assert len(windows) == 23 + 2 + 17
    np.testing.assert_allclose(windows[22], normalised(keypoints[191:200]), atol=1e-6)
    np.testing.assert_allclose(windows[23], normalised(keypoints[200:209]), atol=1e-6)
    np.testing.assert_allclose(windows[24], normalised(keypoints[203:212]), atol=1e-6)
    np.testing.assert_allclose(windows[25], normalised(keypoints[212:221]), atol=1e-6)


def save_detections(path, keypoints):
    """As AlphaPose writes them, in the joint order of COCO."""
    detections = [
        {"image_id": f"{number}.jpg", "keypoints": frame.ravel().tolist(), "score": 1.0}
        for number, frame in enumerate(keypoints)
    ]
    path.write_text(json.dumps(detections))
    return path


def test_detections_that_are_normalised(tmp_path):
    keypoints = normalised(people(9 * 32))
    path = save_detections(tmp_path / "clip.json", keypoints)
    calibration = calibration_of([path], CARD)
    assert calibration.source == {"clips": {digest(path): "clip.json"}, "windows": 32}
    expected = h36m_from_coco(keypoints)
    np.testing.assert_allclose(calibration.windows.reshape(-1, 17, 3), expected, atol=1e-6)


def test_of_tracked_people_the_strongest_is_taken(tmp_path):
    keypoints = people(9 * 32)
    path = save_detections(tmp_path / "clip.json", keypoints)
    detections = [{**found, "idx": 1} for found in json.loads(path.read_text())]
    path.write_text(json.dumps([*detections, {**detections[0], "idx": 2}]))  # gone in all others
    windows = calibration_of([path], CARD, SIZE).windows
    expected = normalised(h36m_from_coco(keypoints))
    np.testing.assert_allclose(windows.reshape(-1, 17, 3), expected, atol=1e-6)


def test_detections_in_pixels_need_the_size_of_the_image(tmp_path):
    keypoints = people(9 * 32)
    path = save_detections(tmp_path / "clip.json", keypoints)
    windows = calibration_of([path], CARD, SIZE).windows
    expected = h36m_from_coco(normalised(keypoints))
    np.testing.assert_allclose(windows.reshape(-1, 17, 3), expected, atol=1e-5)


def test_a_folder_of_clips_is_taken_in_the_order_of_names(tmp_path):
    first = save(tmp_path / "a.npz", people(9 * 20))
    second = save(tmp_path / "b.NPZ.npz", people(9 * 20, seed=6))
    (tmp_path / "notes.txt").write_text("not a clip")
    calibration = calibration_of([tmp_path], CARD)
    assert calibration.source == {
        "clips": {digest(first): "a.npz", digest(second): "b.NPZ.npz"},
        "windows": 40,
    }
    expected = normalised(np.concatenate([people(9 * 20), people(9 * 20, seed=6)]))
    np.testing.assert_allclose(calibration.windows.reshape(-1, 17, 3), expected, atol=1e-6)


def test_more_than_256_windows_are_thinned_evenly(tmp_path):
    keypoints = people(9 * 600)
    keypoints[..., 2] = np.repeat(np.linspace(0.1, 1, 600), 9)[:, None]
    calibration = calibration_of([save(tmp_path / "clip.npz", keypoints)], CARD)
    assert calibration.windows.shape == (256, 9, 17, 3)
    assert calibration.source["windows"] == 256
    numbers = (calibration.windows[:, 0, 0, 2].astype(float) - 0.1) / 0.9 * 599
    assert numbers[[0, -1]].round().tolist() == [0, 599]
    assert set(np.diff(numbers.round())) == {2, 3}


@pytest.mark.parametrize(
    ("count", "size", "expected"),
    [
        (4, None, [[0], [1], [2], [3]]),
        (4, 1, [[0], [1], [2], [3]]),
        (4, 2, [[0, 1], [2, 3]]),
        (5, 3, [[0, 1, 2], [3, 4, 4]]),
        (2, 4, [[0, 1, 1, 1]]),
        (0, 4, []),
    ],
)
def test_calls_are_filled_up_with_the_last_window(count, size, expected):
    windows = np.zeros((count, 9, 17, 3), np.float32) + np.arange(count)[:, None, None, None]
    calls = list(batches(windows.astype(np.float32), size))
    assert [call[:, 0, 0, 0].tolist() for call in calls] == expected
    assert all(call.shape[1:] == (9, 17, 3) and call.dtype == np.float32 for call in calls)


# clips that do not do


PIXELS = (
    "keypoints: values up to {peak:g} look like pixels, normalised ones stay within 10; pass "
    "image_size=(width, height), or --image-size W H on the command line"
)
OUT_OF_RANGE = (
    "expected x from -1 to 1 across the picture, as the model's card says (image-width), and "
    "people of a size to be seen; got {outside} of the joints outside and a spread of "
    "{spread:.4f}; check the clip's image_size"
)
PEOPLE = people(9 * 32)
PEAK = PEOPLE.max()
SPREAD = PEOPLE[..., :2].astype(float).std(axis=(0, 1)).max()
SMALL = np.concatenate([PEOPLE[..., :2] / 1000 + [600, 300], PEOPLE[..., 2:]], axis=-1)
EXPECTED = "a clip, .npz, .json or .csv, or a folder of OpenPose's or Ultralytics' files"
UNSEEN = PEOPLE * np.float32([1, 1, 0])
NOT_FINITE = PEOPLE.copy()
NOT_FINITE[3, 2, 1] = np.nan


@pytest.mark.parametrize(
    ("keypoints", "size", "message"),
    [
        (np.ones((300, 15, 3)), SIZE, "expected keypoints (t, 17, 2|3), got (300, 15, 3)"),
        (PEOPLE, None, PIXELS.format(peak=PEAK)),
        (
            PEOPLE,
            (64, 36),
            f"keypoints: pixels up to {PEAK:g} lie far outside an image of 64 x 36; pass the size "
            "of the image the keypoints were detected in",
        ),
        (PEOPLE, (320, 180), OUT_OF_RANGE.format(outside="100%", spread=SPREAD / 160)),
        (SMALL, SIZE, OUT_OF_RANGE.format(outside="0%", spread=SPREAD / WIDTH / 500)),
        (UNSEEN, SIZE, "no joint has a confidence above 0; give clips that show people"),
        (
            NOT_FINITE,
            SIZE,
            f"keypoints: 1 of {PEOPLE.size} values are NaN or infinite in float32, the first at "
            "index (3, 2, 1); fill in missing joints before lifting",
        ),
    ],
)
def test_a_clip_that_does_not_do_is_named(tmp_path, keypoints, size, message):
    save(tmp_path / "a.npz", PEOPLE)
    path = save(tmp_path / "b.npz", keypoints, size)
    assert refusal(tmp_path) == refusal(path) == f"{path}: {message}"


def test_detections_in_pixels_have_no_size(tmp_path):
    path = save_detections(tmp_path / "clip.json", np.full((300, 17, 3), 500.0))
    assert refusal(path) == f"{path}: {PIXELS.format(peak=500)}"


@pytest.mark.parametrize(("frames", "windows"), [(9 * 31, 31), (4, 1)])
def test_too_few_windows(tmp_path, frames, windows):
    assert refusal(save(tmp_path / "clip.npz", people(frames))) == (
        f"--calibration: expected at least 32 windows of 9 frames, got {windows}; give more or "
        "longer clips"
    )


def test_a_folder_without_clips(tmp_path):
    (tmp_path / "a.txt").touch()
    assert refusal(tmp_path) == (
        f"{tmp_path}: expected clips in the folder, .npz or .json, found none"
    )


def test_files_that_are_no_clips(tmp_path):
    path = tmp_path / "none.npz"
    assert refusal(path) == f"{path}: no such file; expected {EXPECTED}"
    path = tmp_path / "a.txt"
    path.touch()
    assert refusal(path) == f"{path}: expected {EXPECTED}, got '.txt'"


def test_joints_that_were_not_found_are_not_outside(tmp_path):
    keypoints = PEOPLE.copy()
    keypoints[:, :8] = -5000, 0, 0
    assert len(calibration_of([save(tmp_path / "clip.npz", keypoints)], CARD).windows) == 32


# what tensors span


@pytest.fixture
def calibration():
    """40 windows in which x goes up to 1 and y down to -2, once each."""
    windows = np.random.default_rng(0).uniform(0, 0.5, (40, 1, 17, 2)).astype(np.float32)
    windows[7, 0, 3], windows[39, 0, 16] = [1, 0], [0, -2]
    return Calibration(windows, {})


def graph(batch):
    """x and y are doubled, then summed up."""
    return model_of(
        [node("Mul", "keypoints two", "doubled"), node("MatMul", "doubled ones", "y")],
        {"keypoints": [batch, 1, 17, 2]},
        {"two": np.float32([2]), "ones": np.ones((2, 1), np.float32)},
    )


@pytest.mark.parametrize("batch", [1, 16, "batch"])
def test_the_extremes_of_tensors(calibration, batch, capfd):
    told = []
    ranges = tensor_ranges(graph(batch), calibration, "max", progress=lambda *n: told.append(n))
    found = spans(ranges)
    assert found["doubled"] == (-4, 4)
    assert found["keypoints"] == (-2, 2)
    largest = np.abs(2 * calibration.windows.sum(axis=-1)).max()
    assert found["y"] == pytest.approx((-largest, largest))
    calls = 3 if batch == 16 else 40
    assert told == [(done, calls) for done in range(1, calls + 1)]
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_ranges_that_leave_the_rarest_values_out(calibration, method, capfd):
    found = spans(tensor_ranges(graph(8), calibration, method, operators=["MatMul"]))
    assert found.keys() == {"doubled", "y"}
    low, high = found["doubled"]
    assert -4 <= low < high <= 2
    assert max(-low, high) > 0.9
    assert capfd.readouterr().out == ""


# all clips of a file


def test_all_clips_of_a_file(tmp_path):
    path = tmp_path / "clips.npz"
    sizes, keypoints = [[640, 480], [1920, 1080]], people(5)
    np.savez(path, kp2d=keypoints, offsets=[0, 3, 5], size=sizes, fps=[25, 50])
    first, second = read_clips(str(path))
    np.testing.assert_array_equal(first.keypoints, keypoints[:3])
    np.testing.assert_array_equal(second.keypoints, keypoints[3:])
    assert [(c.image_size, c.fps) for c in (first, second)] == [
        ((640, 480), 25),
        ((1920, 1080), 50),
    ]


@pytest.mark.parametrize("arrays", [{}, {"offsets": [0, 5]}])
def test_the_one_clip_of_a_file(tmp_path, arrays):
    path = tmp_path / "clip.npz"
    np.savez(path, keypoints=people(5), **arrays)
    (clip,) = read_clips(path)
    np.testing.assert_array_equal(clip.keypoints, people(5))


def test_the_one_clip_of_detections(tmp_path):
    (clip,) = read_clips(save_detections(tmp_path / "clip.json", people(5)))
    np.testing.assert_allclose(clip.keypoints, h36m_from_coco(people(5)))


@pytest.mark.parametrize("offsets", [5, [0], [0, 3], [[0, 5]], [0, 3, 2, 5], [0.0, 3.0, 5.0]])
def test_offsets_that_are_none(tmp_path, offsets):
    path = tmp_path / "clips.npz"
    np.savez(path, keypoints=people(5), offsets=offsets)
    with pytest.raises(InputError) as caught:
        read_clips(path)
    assert str(caught.value) == (
        f"{path}: expected offsets (n + 1,) whole numbers that rise from 0 to the 5 frames, got "
        f"{offsets}"
    )


@pytest.mark.parametrize("name", ["none.npz", "none.json"])
def test_no_file_has_no_clips(tmp_path, name):
    with pytest.raises(InputError) as caught:
        read_clips(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: no such file; expected {EXPECTED}"
