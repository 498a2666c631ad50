"""Users' own functions as detectors."""

import logging
from textwrap import dedent

import numpy as np
import pytest

from h2ot_edge.detectors import open_detector
from h2ot_edge.errors import InputError, UnknownName, UsageError

IMAGE = np.zeros((48, 64, 3), np.uint8)
EXPECTED = (
    "expected keypoints (n, j, 2|3), or them with a layout's name, or keypoints (n, j, 2) with "
    "scores (n, j), or Detections"
)


@pytest.fixture
def detect(tmp_path):
    """Write a function that gives an expression, run it, and say what it is called."""

    def run(expression, image=IMAGE, **options):
        path = tmp_path / "mine.py"
        path.write_text(
            "import numpy as np\n"
            "from h2ot_edge.detectors import Detections\n"
            f"def find(image):\n    return {expression}\n"
        )
        return open_detector(f"{path}:find", **options)(image, 0.0)

    return run


def refused(detect, tmp_path, expression):
    with pytest.raises(InputError) as caught:
        detect(expression)
    name = f"{tmp_path}/mine.py:find: "
    assert str(caught.value).startswith(name)
    return str(caught.value).removeprefix(name)


@pytest.mark.parametrize(
    ("expression", "layout", "shape"),
    [
        ("np.full((2, 17, 3), 9)", "coco17", (2, 17, 3)),
        ("np.full((2, 26, 2), 9.0)", "halpe26", (2, 26, 3)),
        ("np.full((33, 3), 9, np.float16)", "mediapipe33", (1, 33, 3)),
        ("[[[9, 9, 1]] * 17]", "coco17", (1, 17, 3)),
        ("(np.full((2, 17, 3), 9), 'h36m')", "h36m", (2, 17, 3)),
        ("(np.full((2, 17, 2), 9), np.ones((2, 17)))", "coco17", (2, 17, 3)),
        ("(np.full((17, 2), 9), np.ones(17))", "coco17", (1, 17, 3)),
        ("None", "coco17", (0, 17, 3)),
        ("[]", "coco17", (0, 17, 3)),
        ("(None, None)", "coco17", (0, 17, 3)),
        ("([], [])", "coco17", (0, 17, 3)),
        ("([], 'body25')", "body25", (0, 25, 3)),
        ("(np.empty((0, 26, 2)), np.empty((0, 26)))", "coco17", (0, 17, 3)),
    ],
)
def test_what_a_function_may_give(detect, expression, layout, shape):
    found = detect(expression)
    assert found.layout == layout
    assert found.keypoints.shape == shape
    assert found.keypoints.dtype == np.float32
    assert found.scores.shape == shape[:1]
    assert (found.keypoints[..., 2] == 1).all()  # 9 is cut off


def test_detections_have_scores_and_names(detect):
    points = "keypoints=np.full((2, 17, 3), 0.5) * [64, 48, 1]"
    found = detect(
        f"Detections(layout='coco17', {points}, scores=np.array([0.2, 0.9]), people=(7, 'b'))"
    )
    assert found.people == ("7", "b")
    assert found.scores.tolist() == [0.2, 0.9]
    assert (found.keypoints == [32, 24, 0.5]).all()


@pytest.mark.parametrize(
    ("people", "names"),
    [
        ("np.array([7, 9])", ("7", "9")),
        ("np.array([])", ()),
        ("None", ()),
        ("[1, 'b']", ("1", "b")),
    ],
)
def test_names_in_whatever_they_come(detect, people, names):
    points = "keypoints=np.full((2, 17, 3), 9.0), scores=np.ones(2)"
    assert detect(f"Detections(layout='coco17', {points}, people={people})").people == names


def test_what_a_function_prints_is_no_result(detect, capsys):
    detect("print('found nobody')")
    assert capsys.readouterr() == ("", "found nobody\n")


def test_the_most_certain_people_are_kept(detect):
    three = "np.full((3, 17, 3), 9.0) * [[[1, 1, .1]], [[1, 1, .05]], [[1, 1, .2]]]"
    found = detect(three, people=2)
    assert found.keypoints[:, 0, 2] == pytest.approx([0.9, 1])


def test_the_image_cannot_be_drawn_on(detect):
    image = IMAGE.copy()
    detect("image.fill(255)", image)
    assert not image.any()


def test_confidences_on_another_scale_are_told_once(tmp_path, caplog):
    path = tmp_path / "mine.py"
    path.write_text("import numpy as np\ndef find(image):\n    return np.full((1, 17, 3), 80)\n")
    detector = open_detector(f"{path}:find")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            detector(IMAGE, 0.0)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}:find: confidences of up to 80 are taken for 1; expected 0 to 1"
    ]


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("np.ones((17, 4))", f"{EXPECTED}; got an array (1, 17, 4)"),
        ("np.ones(17)", f"{EXPECTED}; got an array (17,)"),
        ("7", f"{EXPECTED}; got an array ()"),
        ("'nobody'", f"{EXPECTED}; got a str of <U6"),
        ("{'keypoints': []}", f"{EXPECTED}; got a dict of object"),
        (
            "(np.ones((2, 17, 2)), np.ones((1, 17)))",
            f"{EXPECTED}; got arrays (2, 17, 2) and (1, 17)",
        ),
        ("np.ones((1, 17, 2), complex)", f"{EXPECTED}; got a ndarray of complex128"),
        (
            "np.ones((1, 21, 3))",
            "no layout has 21 joints (see h2ot_edge.layouts.LAYOUTS); give keypoints of a layout "
            "that has",
        ),
        ("(np.ones((1, 26, 3)), 'coco17')", "expected the 17 joints of coco17, got 26"),
        (
            "np.random.default_rng(0).random((1, 17, 3))",
            "expected pixels, got keypoints that are all within -1 and 1, as shares of the image "
            "are; multiply x by the image's width and y by its height",
        ),
        (
            "Detections(layout='coco17', keypoints=np.ones((1, 17, 2)), scores=np.ones(1))",
            "expected Detections with keypoints (n, j, 3) and scores (n,), got (1, 17, 2) and (1,)",
        ),
        (
            "Detections(layout='coco17', keypoints=np.ones((2, 17, 3)), scores=np.ones(2), "
            "people=('a',))",
            "expected the names of all 2 people or of none, got 1",
        ),
        (
            "Detections(layout='coco17', keypoints=np.ones((1, 17, 3)), scores=np.ones(1), "
            "people=7)",
            "expected the people of Detections in a tuple, got a int",
        ),
        ("1 / 0", "raised ZeroDivisionError: division by zero (mine.py, line 4); repair it"),
        ("find()", "raised TypeError: find() missing 1 required positional argument: 'image' "
         "(mine.py, line 4); repair it"),
    ],
)  # fmt: skip
def test_what_a_function_may_not_give(detect, tmp_path, expression, problem):
    assert refused(detect, tmp_path, expression) == problem


def test_lists_of_different_lengths(detect, tmp_path):
    told = refused(detect, tmp_path, "[[[1, 2]], [[1, 2], [3, 4]]]")
    with pytest.raises(ValueError, match="inhomogeneous") as caught:
        np.asarray([[[1, 2]], [[1, 2], [3, 4]]])
    assert told == f"{EXPECTED}; got what is no array ({caught.value})"


def test_unknown_layout(detect, tmp_path):
    with pytest.raises(UnknownName) as caught:
        detect("(np.ones((1, 17, 3)), 'coco')")
    assert str(caught.value) == (
        f"{tmp_path}/mine.py:find: no layout 'coco'; did you mean 'coco17'? (known: h36m, coco17, "
        "coco133, halpe26, halpe136, body25, openpose18, mediapipe33, mpii16)"
    )


def test_a_function_of_a_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_detectors").mkdir()
    (tmp_path / "my_detectors" / "fine.py").write_text("def find(image):\n    return None\n")
    detector = open_detector("my_detectors.fine:find")
    assert len(detector(IMAGE, 0.0)) == 0
    assert detector.name == "my_detectors.fine:find"
    detector.close()


def test_a_file_beside_another(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "beside_it.py").write_text("PEOPLE = []\n")
    text = """\
        from dataclasses import dataclass

        @dataclass
        class Finder:
            people: list

            def __call__(self, image):
                from beside_it import PEOPLE
                return self.people + PEOPLE

        find = Finder([])
    """
    (tmp_path / "finder.py").write_text(dedent(text))
    assert len(open_detector(f"{tmp_path}/finder.py:find")(IMAGE, 0.0)) == 0


@pytest.mark.parametrize(
    ("text", "spec", "message"),
    [
        (None, "none.py:find", "detector none.py:find: no such file none.py"),
        (
            "",
            "nowhere_at_all.module:find",
            "detector nowhere_at_all.module:find: no module 'nowhere_at_all' can be imported; put "
            "its folder on PYTHONPATH, or name its file, FILE.py:FUNCTION",
        ),
        (
            "import nowhere_at_all",
            "mine.py:find",
            "detector mine.py:find: mine.py cannot be imported (ModuleNotFoundError: No module "
            "named 'nowhere_at_all'); try it with python first",
        ),
        (
            "raise SystemExit(3)",
            "mine.py:find",
            "detector mine.py:find: mine.py cannot be imported (SystemExit: 3); try it with python "
            "first",
        ),
        (
            "class find: pass",
            "mine.py:find",
            "detector mine.py:find: expected a function that takes an image, got a class; name a "
            "function, or an object that can be called",
        ),
        (
            "find = 3",
            "mine.py:find",
            "detector mine.py:find: expected a function that takes an image, got a int; name a "
            "function, or an object that can be called",
        ),
        (
            "from json import load\ndef find(image): pass\n",
            "mine.py:fnd",
            "no function of mine.py 'fnd'; did you mean 'find'? (known: find)",
        ),
        ("", "mine.py:", "no function of mine.py '' (known: none)"),
    ],
)
def test_what_cannot_be_opened(tmp_path, monkeypatch, text, spec, message):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UsageError) as caught:
        open_detector(spec)
    assert str(caught.value) == message


def test_a_module_that_lacks_another(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lacks_another.py").write_text("import nowhere_at_all\n")
    with pytest.raises(UsageError) as caught:
        open_detector("lacks_another:find")
    assert str(caught.value) == (
        "detector lacks_another:find: lacks_another cannot be imported (ModuleNotFoundError: No "
        "module named 'nowhere_at_all'); try it with python first"
    )


def test_a_device_is_the_functions_own_business(tmp_path):
    (tmp_path / "mine.py").write_text("def find(image): pass\n")
    with pytest.raises(UsageError) as caught:
        open_detector(f"{tmp_path}/mine.py:find", device="cuda")
    assert str(caught.value) == (
        f"detector {tmp_path}/mine.py:find: cuda:0: a function decides itself where it runs; give "
        "the detector no device"
    )
