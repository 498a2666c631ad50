"""clips.py with track=True: files of detectors that do not say who is who."""

import logging

import numpy as np
import pytest
from detector_files import alphapose, header, landmarks, refusal, write
from detector_files import csv as write_csv
from moving_people import person

from h2ot_edge import read_clip, read_clips

FRAMES = 12


def as_coco(x, seed):
    """(17, 3) of COCO: a face, shoulders and elbows and wrists, hips and knees and ankles."""
    body = person(x, seed=seed)
    order = [9, 10, 10, 10, 10, 11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]
    return body[order]


def rtmlib(path, *, stray=None):
    """One who walks to the right and one who stands, in any order; perhaps one more in a frame."""
    rng, frames = np.random.default_rng(0), []
    for at in range(FRAMES):
        people = [as_coco(200 + 8 * at, at), as_coco(800, at + 100)]
        people += [as_coco(1100, 0)] if at == stray else []
        order = rng.permutation(len(people))
        points = np.stack(people)[order].astype(float)
        frames.append({"keypoints": points[..., :2].tolist(), "scores": points[..., 2].tolist()})
    return write(path, frames)


def hips(clip):
    return clip.keypoints[:, 0, 0]


def test_everybody_gets_a_clip(tmp_path, caplog):
    path = rtmlib(tmp_path / "a.json")
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        clips = read_clips(path, track=True, fps=25)
    assert [(clip.person, clip.people) for clip in clips] == [
        ("1", ("1", "2")),
        ("2", ("1", "2")),
    ]
    walker, other = sorted(clips, key=lambda clip: hips(clip)[0])
    np.testing.assert_allclose(hips(walker), 200 + 8 * np.arange(FRAMES), atol=8)
    np.testing.assert_allclose(hips(other), 800, atol=8)
    assert caplog.messages == [
        f"{path}: tracked 2 people; 0 of 24 detections are second ones of somebody, or weak, and "
        "left out",
        f"{path}: read as rtmlib, layout coco17, 12 frames, person 1 of 1, 2",
        f"{path}: read as rtmlib, layout coco17, 12 frames, person 2 of 1, 2",
    ]


def test_one_of_them(tmp_path):
    path = rtmlib(tmp_path / "a.json")
    found = {hips(read_clip(path, track=True, person=who))[0].round(-2) for who in (1, 2)}
    assert found == {200, 800}
    assert read_clip(path, track=True).person in ("1", "2")
    assert refusal(path, track=True, person=3) == (
        f"{path}: expected one of the people 1, 2, got person=3"
    )


def test_a_stray_detection_is_somebody_who_was_there_for_a_frame(tmp_path):
    clips = read_clips(rtmlib(tmp_path / "a.json", stray=5), track=True)
    assert [int(np.isfinite(hips(clip)).sum()) for clip in clips] == [12, 12, 1]


def test_without_a_frame_rate_it_says_what_it_takes(tmp_path, caplog):
    path = rtmlib(tmp_path / "a.json")
    with caplog.at_level(logging.INFO, "h2ot_edge.tracking"):
        read_clips(path, track=True)
    assert caplog.messages[0] == f"{path}: tracked as if it had 30 frames a second"


def test_times_of_the_file_decide_who_is_new(tmp_path):
    """Nobody for 0.6 s or for 6 s, in as many frames."""
    for pause, people in ((0.6, ("1",)), (6.0, ("1", "2"))):
        times = [0.0, 0.1, 0.2, 0.2 + pause]
        frames = zip((0, 1, 2, 7), times, strict=True)  # nobody in frames 3 to 6
        rows = [[at, time, *as_coco(300, at).ravel()] for at, time in frames]
        path = write_csv(tmp_path / "a.csv", ["frame", "time_s", *header()], *rows)
        assert read_clip(path, track=True).people == people
        assert read_clip(path, track=True, fps=25).people == ("1",)


def test_images_that_are_far_apart_are_still_of_one_person(tmp_path):
    """A step of theirs is longer than anybody may be lost."""
    rows = [[at, at / 0.9, *as_coco(300, at).ravel()] for at in range(20)]
    path = write_csv(tmp_path / "a.csv", ["frame", "time_s", *header()], *rows)
    assert read_clip(path, track=True).people == ("1",)


def test_detections_need_not_be_in_the_order_of_frames(tmp_path):
    rows = [[at, at / 25, *as_coco(300 + 5 * at, at).ravel()] for at in (3, 0, 4, 1, 2)]
    path = write_csv(tmp_path / "a.csv", ["frame", "time_s", *header()], *rows)
    clip = read_clip(path, track=True)
    assert clip.people == ("1",)
    assert (np.diff(hips(clip)) > -8).all()


def test_shares_of_the_image_are_tracked_in_pixels(tmp_path):
    frames = []
    for at in range(4):
        both = [landmarks(np.tile(as_coco(x, at), (2, 1))[:33]) for x in (150, 450)]
        frames.append(both[:: 1 if at % 2 else -1])
    path = write(tmp_path / "a.json", frames)
    assert refusal(path, track=True) == (
        f"{path}: x and y are shares of the image's width and height; give its size "
        "(image_size=(width, height), or --image-size W H on the command line)"
    )
    clips = read_clips(path, track=True, image_size=(640, 480))
    assert len(clips) == 2
    for clip in clips:
        assert np.ptp(hips(clip)) < 100


@pytest.mark.parametrize("track", [False, True])
def test_those_who_have_ids_keep_them(tmp_path, track):
    document = [alphapose(f"{at}.jpg", as_coco(300, at), idx=7 + at % 2) for at in range(4)]
    path = write(tmp_path / "a.json", document)
    assert [clip.person for clip in read_clips(path, track=track)] == ["7", "8"]
    path = tmp_path / "a.npz"
    np.savez(path, keypoints=np.stack([person(300)] * 4))
    assert read_clip(path, track=track).person is None


def test_nobody_to_track(tmp_path):
    path = write(tmp_path / "a.json", [{"keypoints": [], "scores": []}] * 3)
    assert refusal(path, track=True) == (
        f"{path}: nobody is found in any frame; there is nothing to read"
    )
