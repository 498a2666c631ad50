"""The page as a file; tests/test_viewer_page.py opens it."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from h2ot_edge.errors import InputError, UsageError
from h2ot_edge.poses import WORLD_AXES, Poses
from h2ot_edge.sample import sample_clip
from h2ot_edge.skeleton import JOINTS, PARENTS
from h2ot_edge.viewer import check_page_path, write_page

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "h2ot_edge" / "viewer" / "assets"
WALK = sample_clip().poses[:40]
CAMERA = Poses(positions=WALK, frame="camera", fps=50)
HOSTILE = [
    "</script><script>window.hacked = 1</script>",
    '<img src=x onerror="window.hacked = 2">&amp;<!--<script>',
    "\u202eback\u2028wards \ud800 \U0001f9cd @@POSES@@",
]


class Page(HTMLParser):
    """Elements of a page with their attributes, and what is inside of script, style and title."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.elements, self.inside, self.within = [], [], False
        self.feed(Path(path).read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside.append("")
        self.within = True

    def handle_endtag(self, tag):
        self.within = False

    def handle_data(self, data):
        if self.within:
            self.inside[-1] += data

    def all(self, tag):
        pairs = zip(self.elements, self.inside, strict=True)
        return [(attributes, text) for (name, attributes), text in pairs if name == tag]

    @property
    def document(self):
        (found,) = (text for attributes, text in self.all("script") if attributes.get("id"))
        return json.loads(found)


def written(tmp_path, people=CAMERA, **more):
    return Page(write_page(tmp_path / "page.html", people, **more))


def positions_of(person):
    """(t, 17, 3) float64, as the page reads them."""
    heads = np.frombuffer(base64.b64decode(person["heads"]), "<f4").reshape(-1, 4).astype(float)
    steps = np.frombuffer(base64.b64decode(person["steps"]), "<i2").reshape(-1, 17, 3)
    read = heads[:, None, :3] + heads[:, None, 3:] * steps
    return np.where(steps == -32768, np.nan, read)


@pytest.mark.parametrize(
    "moved",
    [WALK, WALK + 5000, WALK * 0, WALK[:1], WALK * 1e6],
    ids=["walk", "far", "point", "one frame", "large"],
)
def test_positions_are_read_within_the_error_that_is_stated(tmp_path, moved):
    poses = Poses(positions=moved)
    (person,) = written(tmp_path, poses).document["people"]
    wrong = np.abs(positions_of(person) - poses.positions.astype(float)).max()
    assert person["error"] == pytest.approx(wrong, rel=0.06, abs=1e-30)
    assert person["error"] < 4e-5 * max(1, np.abs(moved - moved.mean(1, keepdims=True)).max())


def test_the_walk_is_stored_to_a_fiftieth_of_a_millimetre(tmp_path):
    (person,) = written(tmp_path).document["people"]
    assert person["error"] < 2e-5


def test_one_joint_far_off_spoils_its_frame_only(tmp_path):
    moved = WALK.copy()
    moved[7, 3] = 1e6
    (person,) = written(tmp_path, Poses(positions=moved)).document["people"]
    wrong = np.abs(positions_of(person) - moved).max(axis=(1, 2))
    assert wrong[7] > 1
    assert np.delete(wrong, 7).max() < 2e-5


def test_what_is_not_finite_is_missing(tmp_path):
    moved, valid = WALK.copy(), np.ones((40, 17), bool)
    moved[3, 5, 0], moved[4] = np.nan, np.inf
    valid[10, 2] = False
    (person,) = written(tmp_path, Poses(positions=moved, valid=valid)).document["people"]
    missing = np.isnan(positions_of(person)).all(axis=-1)
    assert np.argwhere(missing).tolist() == [[3, 5], *([4, joint] for joint in range(17))]
    bits = np.frombuffer(base64.b64decode(person["valid"]), np.uint8)
    read = np.unpackbits(bits, count=valid.size, bitorder="little").reshape(valid.shape)
    np.testing.assert_array_equal(read, valid)


def test_what_the_numbers_mean_is_in_it(tmp_path):
    times = np.arange(40) / 50 + 1.7e9
    poses = CAMERA.replace(timestamps=times, filters=("one_euro(beta=5)",))
    document = written(tmp_path, poses, kept=[9, 0, 3, 3], title="A walk").document
    (person,) = document.pop("people")
    assert (person["name"], person["filters"]) == ("person 1", ["one_euro(beta=5)"])
    assert person["valid"] is None
    read = np.frombuffer(base64.b64decode(document.pop("times")), "<f8")
    np.testing.assert_array_equal(read, times)
    assert document == {
        "frames": 40,
        "frame": "camera",
        "unit": "m",
        "axes": ["x right", "y down", "z away from the camera"],
        "joints": list(JOINTS),
        "parents": list(PARENTS),
        "fps": 50,
        "kept": [0, 3, 9],
        "title": "A walk",
    }


def test_several_clips_are_several_people(tmp_path):
    both = Poses(positions=np.stack([WALK, WALK + 1]))
    people = written(tmp_path, both).document["people"]
    assert [person["name"] for person in people] == ["person 1", "person 2"]
    np.testing.assert_allclose(positions_of(people[1]), WALK + 1, atol=1e-4)
    people = written(tmp_path, [both, both[0]], names=["a", "b", "c"]).document["people"]
    assert [person["name"] for person in people] == ["a", "b", "c"]
    assert people[0] == {**people[2], "name": "a"}


def test_names_and_marks_are_those_of_the_poses(tmp_path):
    kept = np.arange(40) % 10 == np.array([[0], [5]])
    both = Poses(positions=np.stack([WALK, WALK + 1]), fps=50, people=("Anna", "b"), kept=kept)
    document = written(tmp_path, both).document
    assert [person["name"] for person in document["people"]] == ["Anna", "b"]
    assert document["kept"] is None
    for person, flags in zip(document["people"], kept, strict=True):
        bits = np.frombuffer(base64.b64decode(person["kept"]), np.uint8)
        np.testing.assert_array_equal(np.unpackbits(bits, count=40, bitorder="little"), flags)
    document = written(tmp_path, [both, CAMERA.replace(frame="root")], kept=[3]).document
    assert [person["name"] for person in document["people"]] == ["Anna", "b", "person 3"]
    assert document["kept"] == [3]
    assert [person["kept"] for person in document["people"]] == [None] * 3


@pytest.mark.parametrize(("kept", "marks"), [(None, None), ([], []), (np.array([39]), [39])])
def test_kept_frames_may_be_unknown_or_none(tmp_path, kept, marks):
    assert written(tmp_path, kept=kept).document["kept"] == marks


def test_the_same_poses_give_the_same_bytes(tmp_path):
    one = write_page(tmp_path / "new" / "one.html", CAMERA, kept=[1], title="t").read_bytes()
    (tmp_path / "other.HTM").write_bytes(b"old")
    assert write_page(tmp_path / "other.HTM", CAMERA, kept=[1], title="t").read_bytes() == one


def test_a_page_is_about_570_kilobytes_and_160_bytes_a_frame(tmp_path):
    long = Poses(positions=np.tile(WALK, (100, 1, 1)), frame="camera", fps=50)
    short, longer = (
        len(write_page(tmp_path / "page.html", each).read_bytes()) for each in (CAMERA, long)
    )
    assert short < 620_000
    assert (longer - short) / (99 * len(WALK)) == pytest.approx(157.3, abs=1)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text(tmp_path, text):
    plain = written(tmp_path, [CAMERA] * 2)
    page = written(tmp_path, [CAMERA] * 2, names=[text, "b"], title=text)
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert page.document["people"][0]["name"] == page.document["title"] == text
    ((_, title),) = page.all("title")
    assert title == text.replace("\ud800", "\ufffd")


def test_the_policy_allows_its_own_scripts_and_no_request(tmp_path):
    page = written(tmp_path, names=HOSTILE[:1], title=HOSTILE[1])
    (policy,) = (a["content"] for a, _ in page.all("meta") if "http-equiv" in a)
    codes = [text for attributes, text in page.all("script") if not attributes]
    (style,) = (text for _, text in page.all("style"))
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (*codes, style)
    ]
    assert policy == (
        "default-src 'none'; script-src 'sha256-{}' 'sha256-{}'; style-src 'sha256-{}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    ).format(*digests)


def test_nothing_leads_out_of_it(tmp_path):
    page = written(tmp_path)
    named = [a.get(key) for _, a in page.elements for key in ("src", "href", "srcset", "action")]
    assert [each for each in named if each] == ["data:,"]
    (style,) = (text for _, text in page.all("style"))
    assert re.findall(r"url\(|@import", style) == []


def test_three_js_is_there_with_its_licence_and_version():
    text, licence = ((ASSETS / name).read_text() for name in ("three.min.js", "three.LICENSE.txt"))
    (version,) = re.findall(r"^three=(\S+)", (ROOT / "scripts/bundle_three").read_text(), re.M)
    assert text.startswith(f"/*! three.js {version}, the parts that h2ot-edge uses;")
    assert licence in text[:1500]
    assert licence.startswith("The MIT License")


def test_of_three_js_only_what_is_used_is_bundled():
    (names,) = re.findall(
        r"export \{([^}]*)\} from \"three\"", (ROOT / "scripts/bundle_three").read_text()
    )
    scripts = (path.read_text() for path in ASSETS.glob("*.js") if path.name != "three.min.js")
    used = set(re.findall(r"THREE\.(\w+)", "".join(scripts)))
    assert {*re.findall(r"\w+", names), "OrbitControls"} == used


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.js")), ids=lambda path: path.name)
def test_no_script_ends_its_element(path):
    assert re.findall(r"</script|<script|<!--|\r", path.read_text(), re.IGNORECASE) == []


OTHER = CAMERA[:39]
WORLD = CAMERA.replace(frame="world", axes=WORLD_AXES)


@pytest.mark.parametrize(
    ("people", "more", "message"),
    [
        ([], {}, "people: expected poses of at least one, got none; give Poses"),
        (
            [WALK],
            {},
            "people: expected Poses, got ndarray; make them of an array with Poses(positions=...), "
            "which says what its numbers mean",
        ),
        (
            CAMERA[:0],
            {},
            "people: expected a joint that is finite, got none; see whether anybody was detected",
        ),
        (
            [CAMERA, OTHER],
            {},
            "person 2: expected 40 frames as person 1 has, got 39; stack_people fills in the "
            "frames in which somebody is not there",
        ),
        (
            [CAMERA, WORLD],
            {},
            "person 2: expected frame 'camera' as person 1 has, got 'world'; bring them together, "
            "or write a page of each",
        ),
        (
            [CAMERA, CAMERA.replace(fps=None)],
            {},
            "person 2: expected fps 50.0 as person 1 has, got None; bring them together, or write "
            "a page of each",
        ),
        (
            [CAMERA, CAMERA.replace(timestamps=np.arange(40))],
            {},
            "person 2: expected the timestamps of person 1; stack_people puts everybody on those "
            "of a recording",
        ),
        (
            CAMERA.replace(axes=("x right", "y up", "z near")),
            {},
            "person 1: expected the axes of frame 'camera' (x right, y down, z away from the "
            "camera), got x right, y up, z near; turn the positions into those, else nobody knows "
            "which way is up",
        ),
        (
            CAMERA,
            {"kept": np.ones(40, bool)},
            "kept: expected frame numbers (k,), got bool (40,); np.flatnonzero makes numbers of "
            "flags",
        ),
        (
            CAMERA,
            {"kept": [0, 40]},
            "kept: expected frames 0 to 39, got 40; count those of these poses",
        ),
        (
            CAMERA,
            {"kept": [-1, 3]},
            "kept: expected frames 0 to 39, got -1; count those of these poses",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused(tmp_path, people, more, message):
    with pytest.raises(InputError) as caught:
        write_page(tmp_path / "page.html", people, **more)
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


def test_wrong_use_is_refused(tmp_path):
    (tmp_path / "folder.html").mkdir()
    for path, words in {
        "page.pdf": "a page is written as .html, .htm; end the name in one",
        "folder.html": "expected the name of a file, this is a folder",
    }.items():
        with pytest.raises(UsageError) as caught:
            check_page_path(tmp_path / path)
        assert str(caught.value) == f"{tmp_path / path}: {words}"
    with pytest.raises(UsageError) as caught:
        write_page(tmp_path / "page.html", CAMERA, names=["a", "b"])
    assert str(caught.value) == (
        "names: expected one a person (1), got 2; leave them out for those of the poses"
    )
