"""What a `Stream` refuses, and what goes wrong in it."""

import logging
import math

import numpy as np
import pytest
from live_streams import CLIP, load, refused, run, stream
from tiny_models import save_tiny

from h2ot_edge.engine import Engine
from h2ot_edge.errors import EngineClosed, InputError, OutputError, UnknownName, UsageError
from h2ot_edge.rates import warn_of_span


@pytest.fixture
def engine(tmp_path):
    with load(tmp_path) as engine:
        yield engine


@pytest.mark.parametrize("seconds", [2.0, 1.5, math.nan, math.inf])
def test_timestamps_ascend(engine, seconds):
    made = stream(engine, lookahead=0)
    made.push(CLIP[0], 1.9)
    made.push(CLIP[1], 2.0)
    assert refused(InputError, made.push, CLIP[2], seconds) == (
        "timestamp: expected a finite number of seconds after the 2.000000 s of the frame before, "
        f"got {seconds:.6f}; give frames in the order they were taken, each once, or reset the "
        "stream"
    )
    # Nothing has changed.
    pose = made.push(CLIP[2], 2.1)
    np.testing.assert_array_equal(pose.positions, run(engine, CLIP, 2)[-1])


def test_the_first_timestamp_is_a_number(engine):
    assert refused(InputError, stream(engine, lookahead=0).push, CLIP[0], math.nan) == (
        "timestamp: expected a finite number of seconds, got nan; give frames in the order they "
        "were taken, each once, or reset the stream"
    )


def test_timestamps_come_always_or_never(engine):
    made = stream(engine, lookahead=0)
    made.push(CLIP[0], 1.0)
    assert refused(UsageError, made.push, CLIP[1]) == (
        "timestamp: expected one with every frame or with none, got none after frames with; go on "
        "as the stream began, or reset it"
    )
    made.reset()
    made.push(CLIP[0])
    assert refused(UsageError, made.push, CLIP[1], 1.0) == (
        "timestamp: expected one with every frame or with none, got one after frames without; go "
        "on as the stream began, or reset it"
    )


@pytest.mark.parametrize("shape", [(1, 17, 3), (16, 3), (17, 4), (17,), ()])
def test_a_frame_of_another_shape(engine, shape):
    made = stream(engine, lookahead=0)
    hint = "push people one by one" if len(shape) == 3 else "for other joints name their layout"
    assert refused(InputError, made.push, np.zeros(shape)) == (
        f"keypoints: expected (17, 2|3), one frame of one person, or None, got {shape}; {hint}"
    )
    assert made.push(CLIP[0]).number == 0


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            [[1, 2], [3]],
            "keypoints: expected an array of real numbers, got nested sequences of different "
            "lengths; give every frame the same joints and channels",
        ),
        (
            np.full((17, 2), "x"),
            "keypoints: expected an array of real numbers, got dtype <U1; convert it with "
            ".astype('float32')",
        ),
    ],
)
def test_a_frame_that_is_no_array_of_numbers(engine, frame, message):
    assert refused(InputError, stream(engine, lookahead=0).push, frame) == message


def test_a_rate_far_from_the_trainings_is_said(tmp_path, caplog):
    with load(tmp_path, training={"fps": 50}) as engine:
        with caplog.at_level(logging.WARNING, "h2ot_edge"):
            stream(engine, lookahead=0, fps=5)
            said = [record.getMessage() for record in caplog.records]
            caplog.clear()
            warn_of_span(engine.card, 5)
        assert said == [record.getMessage() for record in caplog.records] != []


@pytest.mark.parametrize(("apart_s", "warnings"), [(0.2, 1), (0.02, 0)])
def test_without_fps_it_is_seen_when_the_first_window_is_full(tmp_path, caplog, apart_s, warnings):
    with load(tmp_path, training={"fps": 50}) as engine, caplog.at_level(logging.WARNING):
        one, many = stream(engine, lookahead=0), engine.streams(lookahead=0)
        said = []
        for number in range(20):
            one.push(CLIP[number], number * apart_s)
            for person in ("a", "b"):
                many.push(person, CLIP[number], number * apart_s)
            said.append(len(caplog.messages))
    assert said == 8 * [0] + 12 * [2 * warnings]
    expected = "a window of 9 frames spans 1.8 s at 5 frames a second"
    assert all(message.startswith(expected) for message in caplog.messages)


def test_every_stream_is_looked_at_and_it_is_said_once(tmp_path, caplog):
    with load(tmp_path, training={"fps": 50}) as engine, caplog.at_level(logging.WARNING):
        made = engine.streams(lookahead=0)
        said = []
        for number in range(30):
            made.push("usual", CLIP[number], number / 50)
            if number >= 12:
                for slow in ("a", "b"):
                    made.push(slow, CLIP[number], number / 5)
            said.append(len(caplog.messages))
    assert said == 20 * [0] + 10 * [1]
    assert caplog.messages[0].startswith("a window of 9 frames spans 1.8 s at 5 frames a second")


def test_timestamps_that_are_not_of_the_rate_that_was_named(tmp_path, caplog):
    with load(tmp_path, training={"fps": 50}) as engine, caplog.at_level(logging.WARNING):
        made, said = stream(engine, lookahead=0, fps=50), []
        for number in range(10):
            made.push(CLIP[number], number / 5)
            said.append(len(caplog.messages))
    assert said == 8 * [0] + 2 * [1]


def test_a_rate_that_changes_behind_a_gap_is_seen(tmp_path, caplog):
    with load(tmp_path, training={"fps": 50}) as engine, caplog.at_level(logging.WARNING):
        made = stream(engine, lookahead=0)
        for number in range(20):
            made.push(CLIP[number], number / 50)
        assert caplog.messages == []
        for number in range(9):
            made.push(CLIP[number], 5 + number / 5)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"lookahead": -1},
            "lookahead: expected 0 to 8 frames with windows of 9 and hop 1, got -1; 0 waits for no "
            "frame, a smaller hop leaves more",
        ),
        (
            {"lookahead": 9},
            "lookahead: expected 0 to 8 frames with windows of 9 and hop 1, got 9; 0 waits for no "
            "frame, a smaller hop leaves more",
        ),
        (
            {"lookahead": 6, "hop": 4},
            "lookahead: expected 0 to 5 frames with windows of 9 and hop 4, got 6; 0 waits for no "
            "frame, a smaller hop leaves more",
        ),
        (
            {"lookahead": 0, "hop": 0},
            "hop: expected 1 to 9 frames, got 0; 1 runs the network with every frame",
        ),
        (
            {"lookahead": 0, "hop": 10},
            "hop: expected 1 to 9 frames, got 10; 1 runs the network with every frame",
        ),
        (
            {"lookahead": 0, "startup": "go"},
            "startup: expected 'pad' or 'wait', got 'go'; pad answers from the first frames on, "
            "wait when a window is full",
        ),
        (
            {"lookahead": 0, "fps": 0},
            "fps: expected a finite number above 0, got 0; leave it out to go by the time of the "
            "push",
        ),
        (
            {"lookahead": 0, "max_gap_s": math.inf},
            "max_gap_s: expected a finite number above 0, got inf; leave it out for 0.5 s",
        ),
        (
            {"lookahead": 0, "fps": 1, "max_gap_s": 0.5},
            "max_gap_s: expected at least the 1 s between frames, got 0.5; every frame would begin "
            "a stream",
        ),
    ],
)
def test_options_out_of_range(engine, options, message):
    assert refused(UsageError, stream, engine, **options) == message


def test_an_option_that_is_none(engine):
    assert refused(UnknownName, stream, engine, lookahead=0, hopp=2) == (
        "no option of a live stream 'hopp'; did you mean 'hop'? (known: lookahead, hop, fps, "
        "image_size, startup, max_gap_s, smooth, layout, clock)"
    )
    assert refused(InputError, stream, engine, lookahead=0, image_size=(0, 3)) == (
        "image_size: expected two positive numbers (width, height) in pixels, got (0, 3)"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"lookahead": 0},
            "lookahead: expected 4, got 0; a seq2frame model gives the pose of its window's centre "
            "only",
        ),
        (
            {"lookahead": 4, "hop": 2},
            "hop: expected 1, got 2; a seq2frame model gives one pose a window",
        ),
    ],
)
def test_options_that_seq2frame_cannot_carry_out(tmp_path, options, message):
    with load(tmp_path, mode="seq2frame") as engine:
        assert refused(UsageError, stream, engine, **options) == message


def test_a_model_that_gives_nan(tmp_path):
    path = save_tiny(tmp_path / "nan.onnx", bias=np.full((9, 1, 3), np.nan, np.float32))
    with Engine.load(path, threads=1) as engine:
        assert refused(OutputError, stream(engine, lookahead=0).push, CLIP[0]) == (
            "the model gave NaN or infinity in window 0 or its batch; the keypoints were finite, "
            "so the weights or the precision of the model are at fault: verify the export"
        )


def test_an_engine_that_was_closed(engine):
    made = stream(engine, lookahead=0)
    engine.close()
    assert refused(EngineClosed, made.push, CLIP[0]) == (
        "this engine was closed; load the model again with Engine.load"
    )
