"""Videos that were cut short, damaged or put together wrongly: what is there is used, and told."""

from fractions import Fraction
from itertools import pairwise

import pytest
from made_videos import (
    made_image,
    number_of,
    save_damaged,
    save_resized,
    save_truncated,
    save_video,
)

from h2ot_edge.errors import InputError
from h2ot_edge.video import open_source
from h2ot_edge.video.clock import Clock


def pictures(frames):
    return [number_of(frame.image) for frame in frames]


def test_a_file_that_was_cut_short_gives_what_it_has(tmp_path, caplog):
    path = save_truncated(tmp_path / "a.mp4", frames=100)
    source = open_source(path)
    assert source.frames == 100  # so it says
    frames = list(source)
    assert 20 < len(frames) < 80
    assert pictures(frames) == [number % 25 for number in range(len(frames))]
    end = frames[-1].timestamp + 1 / 25
    assert caplog.messages[0] == (
        f"{path}: ends at {end:.1f} s of 4.0 s; the frames up to there are used"
    )
    assert caplog.messages[1:] in ([], [f"{path}: 1 frame was left out: damaged"])


def test_no_warning_for_a_file_that_is_whole(tmp_path, caplog):
    for name in ("a.mp4", "a.mkv", "a.ts", "a.avi"):
        codec = "mpeg4" if name == "a.avi" else "libx264"
        list(open_source(save_video(tmp_path / name, codec=codec)))
        list(open_source(tmp_path / name, start_s=0.2, stop_s=0.5))
    assert len(list(open_source(save_video(tmp_path / "held.mp4", hold=3)))) == 20
    for frame in open_source(tmp_path / "a.mp4"):
        if frame.number == 3:
            break  # who has had enough needs no warning either
    assert caplog.messages == []


def test_a_file_without_its_index(tmp_path):
    path = save_video(tmp_path / "a.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])  # which is at its end
    with pytest.raises(InputError) as caught:
        open_source(path)
    assert str(caught.value) == (
        f"{path}: cannot be read as a video (Invalid data found when processing input); if a "
        "player shows it, convert it to an .mp4 of H.264"
    )


def test_damage_is_left_out_and_what_follows_keeps_its_time(tmp_path, caplog):
    path = save_damaged(tmp_path / "a.mp4", frames=60)
    frames = list(open_source(path))
    assert 40 < len(frames) < 60
    assert pictures(frames[:20]) == list(range(20))
    assert pictures(frames[-10:]) == [number % 25 for number in range(50, 60)]
    assert [round(25 * frame.timestamp) for frame in frames[-10:]] == list(range(50, 60))
    # Not every frame that does not come is known to be one, so numbers may be off by some.
    numbers = [frame.number for frame in frames]
    assert all(one < other for one, other in pairwise(numbers))
    assert 56 <= numbers[-1] <= 59
    left_out = numbers[-1] + 1 - len(frames)
    assert caplog.messages == [f"{path}: {left_out} frames were left out: damaged"]


def test_nothing_but_damage(tmp_path):
    path = save_video(tmp_path / "a.mp4", muxing={"movflags": "faststart"})
    data = path.read_bytes()
    begin = data.index(b"mdat") + 4
    path.write_bytes(data[:begin] + b"\xa5" * (len(data) - begin))
    with pytest.raises(InputError) as caught:
        open_source(path)
    assert str(caught.value) == (
        f"{path}: none of its frames can be decoded (20 are damaged); copy or record it again"
    )


def test_files_that_were_joined_go_on_where_the_first_ended(tmp_path, caplog):
    path = save_video(tmp_path / "a.ts")
    path.write_bytes(2 * path.read_bytes())
    frames = list(open_source(path))
    assert len(frames) >= 38
    assert all(0.03 < b.timestamp - a.timestamp < 0.09 for a, b in pairwise(frames))
    assert pictures(frames[-10:]) == list(range(10, 20))
    assert caplog.messages in ([], [f"{path}: {40 - len(frames)} frame was left out: damaged"])


def test_images_that_change_their_size_are_brought_to_the_first(tmp_path, caplog):
    path = save_resized(tmp_path / "a.h264", (64, 48), (128, 96))
    frames = list(open_source(path))
    assert {frame.image.shape for frame in frames} == {made_image(0).shape}
    assert pictures(frames) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert caplog.messages == [
        f"{path}: its images change from 64x48 to 128x96; all are brought to the first size"
    ]


def test_times_always_rise():
    clock = Clock(Fraction(10), fps=25)
    seconds = [10, 10.04, 10.04, 10.03, 10.08, 3, 3.04, 3.5, None, 3.6]
    assert [clock(None if s is None else Fraction(str(s))) for s in seconds] == pytest.approx(
        [0, 0.04, None, None, 0.08, 0.12, 0.16, 0.62, 0.66, 0.72]
    )
    assert clock.left_out == 2
    assert clock.end == pytest.approx(0.76)
    clock = Clock(None, fps=None)
    assert [clock(None), clock(None)] == [0, 0.04]


def test_frames_that_are_not_after_the_one_before_are_told(tmp_path, caplog):
    path = save_video(tmp_path / "a.mkv", frames=4, times=[0, 0.1, 0.1002, 0.2])
    assert [frame.number for frame in open_source(path)] == [0, 1, 3]
    assert caplog.messages == [f"{path}: 1 frame was left out: not shown after the frame before"]
