"""`Streams`: many people and cameras on one engine."""

import gc
import tracemalloc

import numpy as np
import pytest
from live_streams import FRAMES, Clock, frames, load, run

from h2ot_edge.errors import InputError, UnknownName, UsageError
from h2ot_edge.filters import OneEuro
from h2ot_edge.live import stream, streams

CLIPS = {name: frames(30, seed) for seed, name in enumerate("abcde")}


@pytest.fixture
def engine(tmp_path):
    with load(tmp_path, max_batch=4) as engine:
        yield engine


@pytest.fixture
def clock():
    return Clock()


def pushed(made, names, first, last):
    """Poses of `push_many` of these frames."""
    return [
        pose
        for number in range(first, last)
        for pose in made.push_many({name: CLIPS[name][number] for name in names}, number / 50)
    ]


def of(poses, name):
    return [pose for pose in poses if pose.id == name]


def refused(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("options", [{}, {"smooth": OneEuro(min_cutoff_hz=1, beta=1)}])
@pytest.mark.parametrize("batch", [None, 1, 3])
def test_everyone_gets_the_poses_of_a_stream_of_their_own(tmp_path, options, batch):
    with load(tmp_path, max_batch=4, batch=batch) as engine:
        poses = pushed(streams(engine, lookahead=2, **options), CLIPS, 0, 30)
        for name, clip in CLIPS.items():
            alone = stream(engine, lookahead=2, **options)
            expected = [alone.push(frame, number / 50) for number, frame in enumerate(clip)]
            expected = [pose for pose in expected if pose is not None]
            found = of(poses, name)
            assert [pose.number for pose in found] == [pose.number for pose in expected]
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one.positions, other.positions)


def test_the_people_of_a_frame_run_in_as_few_calls_as_the_batch_allows(engine):
    made = streams(engine, lookahead=0)
    pushed(made, "abcde", 0, 10)
    assert (made.counts.windows, made.counts.calls) == (50, 20)
    assert (made.counts.frames, made.counts.poses) == (50, 50)
    assert made.ids == list("abcde")


def test_a_batch_runs_when_it_is_full(engine, clock):
    made = streams(engine, lookahead=0, max_wait_ms=1000, clock=clock)
    for name in "abc":
        assert made.push(name, CLIPS[name][0]) == []
    assert [pose.id for pose in made.push("d", CLIPS["d"][0])] == list("abcd")
    assert made.counts.calls == 1


def test_a_batch_runs_when_its_oldest_window_has_waited(engine, clock):
    made = streams(engine, lookahead=0, max_wait_ms=20, clock=clock)
    assert made.push("a", CLIPS["a"][0]) == []
    clock.now += 0.015
    assert made.push("b", CLIPS["b"][0]) == []
    assert made.poll() == []
    clock.now += 0.006
    poses = made.poll()
    assert [pose.id for pose in poses] == ["a", "b"]
    assert [pose.latency_s for pose in poses] == pytest.approx([0.021, 0.006])
    assert made.poll() == []


def test_flush_runs_what_waits(engine):
    made = streams(engine, lookahead=0, max_wait_ms=1e6)
    made.push("a", CLIPS["a"][0])
    assert [pose.id for pose in made.flush()] == ["a"]
    assert made.flush() == []


def test_windows_of_one_stream_that_wait_together_keep_their_frames(engine):
    made = streams(engine, lookahead=1, max_wait_ms=1e6)
    poses = pushed(made, "a", 0, 6) + made.flush()
    assert made.counts.calls == 2
    assert [pose.number for pose in poses] == [0, 1, 2, 3, 4]
    for number, pose in enumerate(poses):
        expected = run(engine, CLIPS["a"], number + 1)[FRAMES - 2]
        np.testing.assert_array_equal(pose.positions, expected)


def test_a_full_queue_drops_the_oldest_and_counts(engine):
    from h2ot_edge.live import LiveLimits, LiveOptions
    from h2ot_edge.live.hub import Hub

    hub = Hub(engine, LiveOptions(lookahead=0), LiveLimits(max_queue=2))
    for frame in CLIPS["a"][:5]:
        hub.add("a", frame, None)
    batch = hub.take_batch()
    assert [due.newest for due in batch] == [3, 4]
    hub.deliver(batch, hub.run(batch))
    assert [pose.number for pose in hub.collect()] == [3, 4]
    assert (hub.counts.dropped, hub.counts.frames, hub.counts.poses) == (3, 5, 2)


def test_a_stream_that_is_too_fast_takes_nothing_from_others(engine):
    from h2ot_edge.live import LiveLimits, LiveOptions
    from h2ot_edge.live.hub import Hub

    hub = Hub(engine, LiveOptions(lookahead=0), LiveLimits(max_queue=2))
    hub.add("slow", CLIPS["b"][0], None)
    for frame in CLIPS["a"][:5]:
        hub.add("fast", frame, None)
    assert [(due.track.owner, due.newest) for due in hub.take_batch()] == [
        ("slow", 0),
        ("fast", 3),
        ("fast", 4),
    ]


def test_a_stream_waits_for_others_until_its_queue_is_full(engine, clock):
    made = streams(engine, lookahead=0, max_wait_ms=1000, max_queue=2, clock=clock)
    assert made.push("a", CLIPS["a"][0]) == []
    assert [pose.number for pose in made.push("a", CLIPS["a"][1])] == [0, 1]
    assert made.counts.dropped == 0


def test_more_people_than_the_queue_holds_are_all_run(engine):
    made = streams(engine, lookahead=0, max_queue=2)
    assert len(pushed(made, CLIPS, 0, 4)) == 20
    assert made.counts.dropped == 0


def test_people_come_and_go(engine):
    made = streams(engine, lookahead=1)
    pushed(made, "ab", 0, 4)
    assert made.drop("a")
    assert not made.drop("a")
    assert made.ids == ["b"]
    poses = pushed(made, "abc", 4, 6)
    found = [(pose.id, pose.number) for pose in poses]
    assert found == [("b", 3), ("a", 0), ("b", 4), ("c", 0)]
    np.testing.assert_array_equal(
        of(poses, "a")[0].positions, run(engine, CLIPS["a"][4:], 1)[FRAMES - 2]
    )


def test_who_is_dropped_is_not_run(engine):
    made = streams(engine, lookahead=0, max_wait_ms=1e6)
    pushed(made, "ab", 0, 1)
    made.drop("a")
    assert [pose.id for pose in made.flush()] == ["b"]
    assert made.counts.windows == 1


def test_there_are_never_more_streams_than_allowed(engine):
    made = streams(engine, lookahead=0, max_streams=3)
    pushed(made, "abc", 0, 1)
    made.push("a", CLIPS["a"][1], 1 / 50)
    made.push("d", CLIPS["d"][0], 0)
    assert made.ids == ["c", "a", "d"]
    assert made.counts.evicted == 1


def test_idle_streams_are_forgotten(engine, clock):
    made = streams(engine, lookahead=0, idle_timeout_s=5, clock=clock)
    made.push("a", CLIPS["a"][0])
    clock.now += 4
    made.push("b", CLIPS["b"][0])
    clock.now += 2
    assert made.poll() == []
    assert made.ids == ["b"]
    assert made.counts.idle == 1


def test_who_is_not_seen_any_more_is_forgotten(engine):
    made = streams(engine, lookahead=1, unseen_timeout_s=0.1)
    poses = pushed(made, "ab", 0, 5)
    for number in range(5, 20):
        people = dict.fromkeys(made.ids) | {"b": CLIPS["b"][number]}
        poses += made.push_many(people, number / 50)
        # The last frame was 4, and after 5 more there were 0.1 s without anybody.
        assert made.ids == (["a", "b"] if number <= 9 else ["b"])
    assert (made.counts.unseen, made.counts.idle) == (1, 0)
    assert [pose.number for pose in of(poses, "a")] == list(range(9))
    assert [pose.number for pose in of(poses, "b")] == list(range(19))


def test_nobody_who_was_never_seen_is_kept(engine):
    made = streams(engine, lookahead=0, unseen_timeout_s=0.1)
    for number in range(7):
        made.push("a", None, 5 + number / 50)
        assert made.ids == (["a"] if number < 6 else [])
    assert made.counts.unseen == 1


def test_cameras_have_sizes_of_their_own(engine):
    made = streams(engine, lookahead=0, image_size=(1920, 1080))
    pixels = CLIPS["a"][0].copy()
    pixels[:, :2] = pixels[:, :2] * 100 + 300
    poses = [
        *made.push("large", pixels),
        *made.push("small", pixels, image_size=(640, 480)),
    ]
    for pose, size in zip(poses, [(1920, 1080), (640, 480)], strict=True):
        expected = np.asarray(engine.infer(np.repeat(pixels[None], 9, axis=0), image_size=size))[-1]
        np.testing.assert_array_equal(pose.positions, expected)


def test_a_frame_that_is_refused_begins_no_stream(engine):
    made = streams(engine, lookahead=0)
    assert refused(InputError, made.push, "a", np.zeros((3, 3))) == (
        "keypoints: expected (17, 2|3), one frame of one person, or None, got (3, 3); for other "
        "joints name their layout"
    )
    assert made.ids == []
    assert made.counts.frames == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"max_queue": 0},
            "max_queue: expected at least 1, got 0; 1 keeps the newest window of a stream",
        ),
        ({"max_unread": 0}, "max_unread: expected at least 1, got 0; 1 keeps the newest pose"),
        (
            {"max_streams": 0},
            "max_streams: expected at least 1, got 0; 1 keeps the stream that was pushed to last",
        ),
        ({"max_wait_ms": -1}, "max_wait_ms: expected 0 or more, got -1; 0 waits for no others"),
        (
            {"idle_timeout_s": 0},
            "idle_timeout_s: expected above 0, got 0; math.inf keeps every stream",
        ),
        (
            {"unseen_timeout_s": -1},
            "unseen_timeout_s: expected above 0, got -1; math.inf keeps every stream",
        ),
    ],
)
def test_limits_out_of_range(engine, options, message):
    assert refused(UsageError, streams, engine, lookahead=0, **options) == message


def test_an_option_that_is_none(engine):
    assert refused(UnknownName, streams, engine, lookahead=0, max_queu=3) == (
        "no option of a live stream 'max_queu'; did you mean 'max_queue'? (known: lookahead, hop, "
        "fps, image_size, startup, max_gap_s, smooth, layout, clock, max_wait_ms, max_queue, "
        "max_unread, max_streams, idle_timeout_s, unseen_timeout_s)"
    )


def test_memory_is_bounded_while_people_come_and_go(engine):
    made = streams(engine, lookahead=2, hop=4, max_streams=4, idle_timeout_s=1e6)
    sizes = []
    tracemalloc.start()
    try:
        for rounds in range(3):
            for person in range(30):
                for number in range(12):
                    made.push((rounds, person), CLIPS["a"][number], number / 50)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert len(made.ids) == 4
    assert made.counts.evicted == 86
    assert sizes[2] - sizes[1] < 16384
