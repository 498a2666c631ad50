"""Several people in `Poses`: their names, what was kept of each, and a recording of all."""

import tracemalloc

import numpy as np
import pytest
from written_poses import full, numbers

import h2ot_edge
from h2ot_edge import InputError, Poses, UsageError
from h2ot_edge.bones import stabilise_bones
from h2ot_edge.filters import one_euro
from h2ot_edge.poses import AXES, CAMERA_AXES, WORLD_AXES, check_axes, stack_people

FLAGS = np.arange(12).reshape(2, 6) % 5 < 2


def two(**changes):
    return full(2).replace(**{"people": ("Anna", "b"), "kept": FLAGS, **changes})


def one(frames=6, **changes):
    return Poses(positions=numbers(frames, 17, 3), **{"fps": 50, **changes})


def refusal(call, *args, error=InputError, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# names and flags


def test_nobody_is_named_unless_told():
    assert (full(2).people, full(2).kept, full(2)[0].people) == ((), None, ())


def test_parts_keep_whose_they_are():
    made = two()
    assert [clip.people for clip in made.clips()] == [("Anna",), ("b",)]
    assert made[1].people == made[-1].people == made[1].clips()[0].people == ("b",)
    assert (made[1:].people, made[::-1].people) == (("b",), ("b", "Anna"))
    np.testing.assert_array_equal(made[1].kept, FLAGS[1])
    np.testing.assert_array_equal(made[::-1].kept, FLAGS[::-1])
    np.testing.assert_array_equal(made[0][1:6:2].kept, FLAGS[0, 1:6:2])
    assert made[0][1:4].people == ("Anna",)
    assert not made.kept.flags.writeable
    assert made.replace(people=["c", "d"]).people == ("c", "d")


def test_converters_and_filters_keep_them():
    walk = two(positions=numbers(2, 6, 17, 3), frame="root", timestamps=None)
    pixels = 500 + 100 * np.abs(numbers(2, 6, 17, 2))
    seen = np.stack([clip.positions[..., :2] / (clip.positions[..., 2:] + 9) for clip in walk])
    pixels = 1000 * seen + 500
    camera = walk.to_camera(pixels, focal_px=1000, image_size=(1000, 1000))
    for found in (
        camera,
        camera.to_world(floor=False),
        walk.replace(unit="normalised").to_metric([1.7, 1.6]),
        walk.filtered(one_euro, min_cutoff_hz=1, beta=0),
        stabilise_bones(walk),
    ):
        assert found.people == ("Anna", "b")
        np.testing.assert_array_equal(found.kept, FLAGS)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"people": ("a",)}, "people: expected a name for each of 2, or none, got 1"),
        ({"people": ("a", "a")}, "people: expected distinct names, got 'a' more than once"),
        ({"people": "ab"}, "people: expected a tuple of names, got the text 'ab'"),
        ({"people": (1, 2)}, "people: expected texts that can be printed, got (1, 2)"),
        ({"people": ("a", "")}, "people: expected texts that can be printed, got ('a', '')"),
        ({"people": ("a", "\n")}, "people: expected texts that can be printed, got ('a', '\\n')"),
        (
            {"kept": np.ones(6, bool)},
            "kept: expected bool (2, 6), a flag for each frame, got bool (6,)",
        ),
        (
            {"kept": np.ones((2, 6))},
            "kept: expected bool (2, 6), a flag for each frame, got float64 (2, 6)",
        ),
    ],
)
def test_names_and_flags_that_do_not_fit(changes, expected):
    assert refusal(two, **changes) == expected


def test_one_clip_has_one_name():
    assert one(people=("a",)).people == ("a",)
    assert refusal(one, people=("a", "b")) == (
        "people: expected a name for each of 1, or none, got 2"
    )


# axes


def test_axes_are_those_of_the_frame_unless_told():
    for frame, axes in (("root", CAMERA_AXES), ("camera", CAMERA_AXES), ("world", WORLD_AXES)):
        assert one(frame=frame).axes == AXES[frame] == axes
    assert one(axes=("a", "b", "c")).axes == ("a", "b", "c")


def test_other_axes_are_refused_where_they_matter():
    other = ("x right", "y up", "z near")
    expected = (
        "expected the axes of frame 'root' (x right, y down, z away from the camera), got x right, "
        "y up, z near; turn the positions into those, else nobody knows which way is up"
    )
    assert refusal(check_axes, "a.trc", "root", other) == f"a.trc: {expected}"
    made = one(axes=other)
    to_camera = {"focal_px": 1000, "image_size": (1000, 1000)}
    assert refusal(made.to_camera, numbers(6, 17, 2), **to_camera) == f"to_camera: {expected}"
    assert refusal(made.to_world, root_at_origin=True) == f"to_world: {expected}"


# a recording


def test_people_come_and_go():
    made = stack_people(
        {"Anna": one(4, kept=np.ones(4, bool)), "b": one(2, kept=np.array([True, False]))},
        starts={"b": 5, "Anna": 1},
        frames=8,
    )
    assert (made.shape, made.people, made.fps) == ((2, 8, 17, 3), ("Anna", "b"), 50)
    for row, stay in enumerate([range(1, 5), range(5, 7)]):
        there = np.isin(np.arange(8), stay)
        np.testing.assert_array_equal(made.positions[row, there], numbers(len(stay), 17, 3))
        assert np.isnan(made.positions[row, ~there]).all()
        np.testing.assert_array_equal(made.valid[row], np.repeat(there[:, None], 17, axis=1))
        np.testing.assert_array_equal(made.confidence[row], made.valid[row].astype(np.float32))
    np.testing.assert_array_equal(np.flatnonzero(made.kept[0]), [1, 2, 3, 4])
    np.testing.assert_array_equal(np.flatnonzero(made.kept[1]), [5])


def test_a_recording_lasts_as_long_as_somebody_is_there():
    made = stack_people({"a": one(4), "b": one(2, kept=np.ones(2, bool))}, starts={"a": 0, "b": 5})
    assert made.shape == (2, 7, 17, 3)
    assert made.kept is None, "nobody knows it of a"
    assert stack_people({"a": one(4), "b": one(2)}).shape == (2, 4, 17, 3)
    assert stack_people({"a": one(4)}).people == ("a",)


def test_times_are_those_of_the_recording():
    times = np.array([0, 0.02, 0.05, 0.06, 0.08])
    people = {"a": one(3, timestamps=times[:3], fps=40.0), "b": one(3, timestamps=times[2:])}
    made = stack_people(people, starts={"a": 0, "b": 2})
    np.testing.assert_array_equal(made.timestamps, times)
    assert made.fps == pytest.approx(50), "the median, where people differ"
    longer = np.append(times, 0.1)
    made = stack_people(people, starts={"a": 0, "b": 2}, frames=6, timestamps=longer)
    np.testing.assert_array_equal(made.timestamps, longer)
    made = stack_people(people, starts={"a": 1, "b": 0}, timestamps=times[:4])
    np.testing.assert_array_equal(made.timestamps, times[:4])
    untimed = stack_people({"a": one(6)}, timestamps=longer)
    np.testing.assert_array_equal(untimed.timestamps, longer)


def test_times_that_only_count_frames_are_counted_in_the_recording():
    """As `Engine.infer(fps=)` gives them."""
    people = {name: one(n, timestamps=np.arange(n) / 50) for name, n in (("a", 3), ("b", 1))}
    made = stack_people(people, starts={"a": 0, "b": 5}, frames=9)
    np.testing.assert_allclose(made.timestamps, np.arange(9) / 50)


def test_notes_that_not_all_have_say_whose_they_are():
    notes = {"a": ("x", "y", "x"), "b": ("x",), "c": ("x", "y")}
    made = stack_people({name: one(filters=each) for name, each in notes.items()})
    assert made.filters == ("x", "y (of a, c)")
    made = stack_people({name: one(filters=("x", "y", "x")) for name in "ab"})
    assert made.filters == ("x", "y", "x")


@pytest.mark.parametrize(
    ("people", "more", "expected"),
    [
        ({}, {}, "stack_people: expected poses of at least one person, got none"),
        (
            {"a": full(2)},
            {},
            "stack_people: expected one person (t, 17, 3), got (2, 6, 17, 3) of 'a'; poses.clips() "
            "gives each",
        ),
        (
            {"a": one(), "b": one(unit="normalised")},
            {},
            "stack_people: expected unit 'm' of all, as 'a' has, got 'normalised' of 'b'; bring "
            "them together first",
        ),
        (
            {"a": one(), "b": one(fps=25), "c": one(fps=None)},
            {},
            "stack_people: expected one frame rate, got 50 and 25; give timestamps of the "
            "recording, or poses.replace(fps=...)",
        ),
        (
            {"a": one()},
            {"timestamps": [0, 1]},
            "timestamps: expected (6,) seconds, got (2,)",
        ),
        (
            {"a": one(timestamps=np.arange(6)), "b": one(timestamps=np.arange(1, 7))},
            {},
            "stack_people: the timestamps of 'b' are not those of others in the same frames; give "
            "starts, or timestamps of the recording",
        ),
        (
            {"a": one(timestamps=np.arange(6))},
            {"frames": 9, "starts": {"a": 1}},
            "stack_people: in 3 of 9 frames, first in frame 0, nobody tells the time; give "
            "timestamps of the recording",
        ),
    ],
)
def test_people_of_no_one_recording(people, more, expected):
    assert refusal(stack_people, people, **more) == expected


def test_more_than_fits_into_memory_is_refused_before_any_is_taken():
    message = refusal(stack_people, {"a": one(), "b": one()}, frames=10**9)
    assert message == (
        "stack_people: expected at most 4 GB, got 2 people in 1000000000 frames, 578.0 GB; take "
        "fewer people (--person ID, or those who stay longer: --min-seconds S), or part of the "
        "film (--from, --to)"
    )


def test_stacking_takes_little_more_memory_than_the_poses():
    clip = one(20_000)
    tracemalloc.start()
    made = stack_people({"a": clip, "b": clip})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    own = sum(array.nbytes for array in (made.positions, made.valid, made.confidence))
    assert most < 1.3 * own


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"starts": {"b": 0}}, "starts: expected a frame for each of 'a', got 'b'"),
        ({"starts": {}}, "starts: expected a frame for each of 'a', got none"),
        (
            {"starts": {"a": -1}},
            "stack_people: expected everybody in frames from 0 on, got 'a' in -1 to 4; starts are "
            "frames of the recording",
        ),
        (
            {"starts": {"a": 3}, "frames": 8},
            "stack_people: expected everybody in frames 0 to 7, got 'a' in 3 to 8; starts are "
            "frames of the recording",
        ),
    ],
)
def test_people_who_do_not_fit_into_it(more, expected):
    assert refusal(stack_people, {"a": one()}, error=UsageError, **more) == expected


def test_where_it_is():
    assert "stack_people" in h2ot_edge.poses.__all__
