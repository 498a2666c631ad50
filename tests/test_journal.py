"""The journal of an interrupted evaluation."""

import json
import logging

import numpy as np
import pytest
from labelled import labelled
from tiny_models import save_tiny

from h2ot_edge.benchmarks.accuracy.evaluation import evaluate
from h2ot_edge.benchmarks.accuracy.journal import Journal
from h2ot_edge.engine import Engine
from h2ot_edge.errors import InputError, UsageError

SETTINGS = {"model_sha256": "ab", "protocol": "cmu", "views": 2, "metrics": ["mpjpe"]}


@pytest.fixture
def engine(tmp_path):
    flat = np.zeros((9, 1, 3), np.float32)
    with Engine.load(save_tiny(tmp_path / "tiny.onnx", bias=flat), threads=1) as engine:
        yield engine


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tiny.jsonl"


def message(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    return str(caught.value)


class Counting:
    """An engine that counts its calls, and is interrupted after some."""

    def __init__(self, engine, calls=100):
        self.card, self.calls, self._engine = engine.card, calls, engine

    def infer(self, *args, **kwargs):
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        return self._engine.infer(*args, **kwargs)


def test_an_interrupted_evaluation_goes_on(engine, path):
    clips = [labelled(name, 20, off_m=0.1, seed=i) for i, name in enumerate("abcde")]
    whole = evaluate(engine, clips)
    with pytest.raises(KeyboardInterrupt):
        evaluate(Counting(engine, 3), clips, journal=Journal(path, SETTINGS))
    rest = Counting(engine)
    journal = Journal(path, SETTINGS)
    assert len(journal) == 3
    assert evaluate(rest, clips, journal=journal) == whole
    assert rest.calls == 98
    nothing = Counting(engine, 0)
    assert evaluate(nothing, clips, journal=Journal(path, SETTINGS)) == whole


def test_a_journal_of_more_clips_gives_those_that_are_asked_for(engine, path):
    clips = [labelled(name, off_m=0.1, seed=i) for i, name in enumerate("abc")]
    evaluate(engine, clips, journal=Journal(path, SETTINGS))
    part = evaluate(Counting(engine, 0), clips[1:2], journal=Journal(path, SETTINGS))
    assert part == evaluate(engine, clips[1:2])


def test_the_journal_says_what_was_measured(engine, path):
    evaluate(engine, [labelled()], metrics=["mpjpe"], journal=Journal(path, SETTINGS))
    head, result = map(json.loads, path.read_text().splitlines())
    assert head == SETTINGS
    assert {key: result[key] for key in ("name", "subject", "action", "frames")} == {
        **{"name": "one", "subject": "a"},
        **{"action": "walk", "frames": 20},
    }
    assert len(result["errors"]["mpjpe"]) == 17


@pytest.mark.parametrize("lost", [1, 30])
def test_a_line_that_was_not_finished_is_measured_again(engine, path, caplog, lost):
    clips = [labelled("a"), labelled("b", seed=1)]
    whole = evaluate(engine, clips, journal=Journal(path, SETTINGS))
    content = path.read_bytes()
    path.write_bytes(content[:-lost])
    with caplog.at_level(logging.INFO, "h2ot_edge"):
        journal = Journal(path, SETTINGS)
    assert caplog.messages == [f"{path}: the last line was not finished; it is measured again"]
    assert len(journal) == 1
    assert evaluate(engine, clips, journal=journal) == whole
    assert path.read_bytes() == content


def test_a_head_that_was_not_finished_is_begun_again(path):
    path.write_text('{"model_sha')
    assert len(Journal(path, SETTINGS)) == 0
    assert json.loads(path.read_text()) == SETTINGS


def test_results_of_other_settings_are_refused(path):
    Journal(path, SETTINGS)
    content = path.read_bytes()
    other = {"model_sha256": "cd", "protocol": "cmu", "flip": True, "metrics": ["mpjpe"]}
    assert message(UsageError, Journal, path, other) == (
        f'{path}: holds results of other settings (model_sha256 "ab" there, "cd" now; '
        "flip null there, true now; views 2 there, null now); choose another folder with --out, "
        "or remove the file"
    )
    assert path.read_bytes() == content


def test_a_clip_that_changed_is_refused(engine, path):
    evaluate(engine, [labelled()], journal=Journal(path, SETTINGS))
    then = json.loads(path.read_text().splitlines()[1])["digest"]
    for change in ({"seed": 1}, {"off_m": 0.1}, {"action": "sit"}):
        other = labelled(**change)
        text = message(UsageError, evaluate, engine, [other], journal=Journal(path, SETTINGS))
        now = text.partition(" then, ")[2].partition(" now")[0]
        assert len(now) == len(then) == 16
        assert now != then
        assert text == (
            f"{path}: clip one has changed since it was measured (digest {then} then, {now} now); "
            "choose another folder with --out, or remove the file"
        )


GOOD = {"name": "a", "subject": "a", "action": "a", "frames": 1, "digest": "d", "errors": {}}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no json", "Expecting value: line 1 column 1 (char 0)"),
        ("[1]", "not an object"),
        (
            json.dumps({**GOOD, "speed": 1}),
            "ClipErrors.__init__() got an unexpected keyword argument 'speed'",
        ),
        (json.dumps({**GOOD, "errors": {"mpjpe": [1.0]}}), "mpjpe has not 17 finite numbers"),
        (json.dumps({**GOOD, "errors": {"pck": [np.nan] * 17}}), "pck has not 17 finite numbers"),
        (json.dumps({**GOOD, "errors": []}), "'list' object has no attribute 'items'"),
    ],
)
def test_a_journal_that_cannot_be_read(path, line, reason):
    path.write_text(f"{json.dumps(SETTINGS)}\n{line}\n")
    assert message(InputError, Journal, path, SETTINGS) == (
        f"{path}: line 2 is no result of h2ot-eval ({reason}); remove the file, or the line"
    )
