"""Whether a model was trained on the people that it is measured on."""

import logging

import pytest
from tiny_models import tiny_card

from h2ot_edge.benchmarks.accuracy import PROTOCOLS
from h2ot_edge.benchmarks.accuracy.held_out import seen_subjects, title_of
from h2ot_edge.errors import ModelFileError

CMU = PROTOCOLS["cmu"]
TRAINED = tiny_card(training={"train_subjects": ["b", "a"], "validation_subjects": ["c"]})


def test_training_and_validation_subjects_are_seen():
    assert seen_subjects(TRAINED, ["d", "c", "b"]) == ("b", "c")
    assert seen_subjects(TRAINED, ["d", "e"]) == ()


def test_a_card_that_names_nobody_has_seen_nobody():
    assert seen_subjects(tiny_card(), ["a"]) == ()
    assert seen_subjects(tiny_card(training={"seed": 0}), ["a"]) == ()


def test_the_title_says_that_people_were_seen(caplog):
    cards = {"one": tiny_card(), "two": TRAINED}
    with caplog.at_level(logging.WARNING, "h2ot_edge"):
        assert title_of(CMU, cards, ["d"]) == "CMU held-out subjects"
        assert caplog.messages == []
        assert title_of(CMU, cards, ["d", "c", "a"]) == "CMU subjects, seen in training"
    assert caplog.messages == [
        "two was trained on a, c: its figures say nothing about people it has not seen; choose "
        "others with --subjects"
    ]


@pytest.mark.parametrize("name", ["h36m", "3dhp"])
def test_other_protocols_have_people_of_their_own(name, caplog):
    assert title_of(PROTOCOLS[name], {"one": TRAINED}, ["a"]) == PROTOCOLS[name].title
    assert caplog.messages == []


@pytest.mark.parametrize("names", ["a", {"a": 1}, ["a", 3]])
def test_names_that_are_no_list(names):
    card = tiny_card(training={"validation_subjects": names})
    with pytest.raises(ModelFileError) as caught:
        title_of(CMU, {"one": card}, ["a"])
    assert str(caught.value) == (
        f"one: training.validation_subjects: expected a list of names, got {names!r}; release the "
        "model again"
    )
