"""Which detectors there are, how they are opened, and the rules for what they give."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from h2ot_edge.detectors import DETECTORS, FORMS, Detections, explained, open_detector
from h2ot_edge.detectors.people import layout_by_number, nobody, people_of, strongest
from h2ot_edge.errors import InputError, UnknownName, UsageError
from h2ot_edge.layouts import LAYOUTS


def test_every_detector_is_explained():
    assert FORMS == (
        "rtmlib[:lightweight|balanced|performance], mediapipe:FILE.task, ultralytics[:WEIGHTS], "
        "FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION"
    )
    assert explained() == (
        "rtmlib[:lightweight|balanced|performance] (RTMPose; needs h2ot-edge[rtmlib], downloads "
        "its weights once); "
        "mediapipe:FILE.task (BlazePose; needs h2ot-edge[mediapipe] and a file of Google's); "
        "ultralytics[:WEIGHTS] (YOLO pose; needs h2ot-edge[ultralytics], which is AGPL-3.0, "
        "downloads its weights); "
        "FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION (your own)"
    )


def test_the_page_has_them_all():
    page = Path(__file__).parents[1].joinpath("docs/detectors.md").read_text(encoding="utf-8")
    for kind in DETECTORS.values():
        assert f"`{kind.form}`".replace("|", "\\|") in page


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "rtmlb",
            "no detector 'rtmlb'; did you mean 'rtmlib'? (known: rtmlib, mediapipe, ultralytics, "
            "FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION)",
        ),
        (
            "",
            "no detector '' (known: rtmlib, mediapipe, ultralytics, FILE.py:FUNCTION or "
            "PACKAGE.MODULE:FUNCTION)",
        ),
        (
            "rtmlib:fast",
            "no mode of rtmlib 'fast' (known: lightweight, balanced, performance)",
        ),
    ],
)
def test_unknown_names(spec, message):
    with pytest.raises(UnknownName) as caught:
        open_detector(spec)
    assert str(caught.value) == message


def test_unknown_device():
    with pytest.raises(UnknownName) as caught:
        open_detector("rtmlib", device="gpu")
    assert str(caught.value) == "no device 'gpu'; did you mean 'cpu'? (known: cpu, cuda, cuda:0)"


def test_nobody_to_look_for():
    with pytest.raises(UsageError) as caught:
        open_detector("rtmlib", people=0)
    assert str(caught.value) == "people: expected at least 1, got 0"


def test_nothing_is_imported_until_it_is_opened():
    code = (
        "import sys, h2ot_edge.detectors\n"
        "print([name for name in ('cv2', 'onnxruntime', 'rtmlib', 'torch') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout == "[]\n"


def test_how_many_joints_tell_the_layout():
    of_detectors = [name for name in LAYOUTS if name != "h36m"]
    assert [layout_by_number(len(LAYOUTS[name].joints), "it") for name in of_detectors] == (
        of_detectors
    )
    with pytest.raises(InputError) as caught:
        layout_by_number(21, "hands.py:find")
    assert str(caught.value) == (
        "hands.py:find: no layout has 21 joints (see h2ot_edge.layouts.LAYOUTS); give keypoints of "
        "a layout that has"
    )


def test_places_and_confidences():
    """As RTMPose gives them (peaks above 1), with what is missing in all the ways it can be."""
    places = np.full((2, 17, 2), 50.0)
    confidence = np.full((2, 17), 0.5)
    confidence[0, :4] = 1.7, 0.0, -0.2, np.nan
    places[0, 4, 0] = np.nan
    places[0, 5, 1] = np.inf
    found = people_of("coco17", places, confidence)
    assert found.keypoints.dtype == np.float32
    assert found.keypoints.flags.c_contiguous
    assert found.keypoints[0, 0].tolist() == [50, 50, 1]
    assert (found.keypoints[0, 1:6] == 0).all()
    assert (found.keypoints[0, 6:] == [50, 50, 0.5]).all()
    assert found.scores.dtype == np.float64
    assert found.scores == pytest.approx([(1 + 11 * 0.5) / 17, 0.5])


def test_scores_of_the_detector_go_before_those_of_joints():
    scores = np.array([0.25, 1.5, np.nan], np.float16)
    found = people_of("coco17", np.ones((3, 17, 2)), np.ones((3, 17)), scores, ("3", "1", "7"))
    assert found.scores.tolist() == [0.25, 1, 0]
    assert found.people == ("3", "1", "7")


def test_the_strongest_stay_in_their_order():
    found = people_of(
        "coco17",
        np.arange(4 * 34, dtype=np.float32).reshape(4, 17, 2),
        np.ones((4, 17)),
        np.array([0.5, 0.9, 0.5, 0.7]),
        "abcd",
    )
    assert strongest(found, None) is found
    assert strongest(found, 4) is found
    assert strongest(found, 3).people == ("a", "b", "d")
    kept = strongest(dataclasses.replace(found, people=()), 2)
    assert kept.people == ()
    assert kept.scores.tolist() == [0.9, 0.7]
    assert (kept.keypoints == found.keypoints[[1, 3]]).all()


def test_nobody():
    found = nobody("mediapipe33")
    assert isinstance(found, Detections)
    assert len(found) == 0
    assert found.keypoints.shape == (0, 33, 3)
    assert found.scores.shape == (0,)


def test_the_licence_is_said_where_people_look():
    assert [name for name, kind in DETECTORS.items() if "AGPL-3.0" in kind.needs] == ["ultralytics"]
