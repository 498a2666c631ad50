"""The page in a browser: what one sees and what one can do. Skipped where there is no Chromium."""

import io
import re

import chromium
import numpy as np
import pytest

from h2ot_edge.poses import WORLD_AXES, Poses, stack_people
from h2ot_edge.sample import sample_clip
from h2ot_edge.viewer import write_page

image = pytest.importorskip("matplotlib.image")
pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed")

WALK = sample_clip().poses[:60]
ROOT = Poses(positions=WALK - WALK[:, :1], fps=50)
LEFT, RIGHT = (0, 114, 178), (213, 94, 0)
SMALL = {"width": 480, "height": 420}


@pytest.fixture(scope="module")
def browser():
    with chromium.Browser() as opened:
        yield opened


@pytest.fixture
def page(browser, tmp_path):
    """Write a page and open it; nothing may go wrong in it, nor be asked of any network."""
    browser.troubles.clear()
    browser.asked.clear()

    def opened(people=ROOT, tail="#frame=0", *, size=SMALL, dark=False, **more):
        browser.open(write_page(tmp_path / "page.html", people, **more), tail, **size, dark=dark)
        return browser

    yield opened
    # Taking a picture makes the software renderer wait, of which it warns.
    assert [each for each in browser.troubles if "GPU stall" not in str(each)] == []
    assert {each.split(":")[0] for each in browser.asked} <= {"file", "data", "about"}


def picture_of(browser):
    """(height, width, 3) 0 to 255."""
    return image.imread(io.BytesIO(browser.picture()), format="png")[..., :3] * 255


def pixels_like(picture, colour, within=40):
    """How many pixels of the stage, below the buttons and above the key, have about that colour."""
    return int((np.abs(picture[100:260] - colour).max(axis=-1) < within).sum())


def test_it_shows_a_skeleton_that_moves_with_the_frame(page):
    browser = page(tail="#frame=10")
    first = picture_of(browser)
    assert browser.text("#now") == "frame 10 / 59 \u00b7 0.20 s"
    assert min(pixels_like(first, LEFT), pixels_like(first, RIGHT)) > 100
    browser.run("location.hash = '#frame=35'")
    browser.wait_for("document.querySelector('#now').textContent.startsWith('frame 35 ')")
    browser.settle()
    assert (np.abs(picture_of(browser) - first)[100:260].max(axis=-1) > 60).sum() > 300
    browser.run("location.hash = '#frame=10&view=turned'")
    browser.wait_for("document.querySelector('#now').textContent.startsWith('frame 10 ')")
    browser.settle()
    np.testing.assert_allclose(picture_of(browser), first, atol=8)


def test_keys_and_the_timeline_change_the_frame(page):
    browser = page()
    now = []
    for key in ("ArrowRight", "End", "ArrowRight", "ArrowLeft", "Home", "ArrowLeft"):
        browser.press(key)
        now.append(int(re.findall(r"\d+", browser.text("#now"))[0]))
    assert now == [1, 59, 59, 58, 0, 0]
    box = "document.querySelector('#timeline').getBoundingClientRect()"
    left, top, width = (browser.run(f"{box}.{side}") for side in ("left", "top", "width"))
    at = {"y": top + 20, "button": "left"}
    browser.mouse("mousePressed", left + width / 2 + 1, **at, clickCount=1)
    browser.mouse("mouseMoved", left + width + 50, **at, buttons=1)
    browser.settle()
    assert browser.text("#now").startswith("frame 59 ")
    browser.mouse("mouseReleased", left + 3, **at)
    assert browser.run("document.querySelector('#timeline').getAttribute('aria-valuenow')") == "59"


def test_it_plays_by_the_seconds_and_pauses(page):
    times = np.arange(60) * 0.01
    times[30:] += 1000  # nobody waits for that
    browser = page(ROOT.replace(timestamps=times), "#frame=25")
    browser.press(" ")
    assert browser.text("#play") == "Pause"
    browser.wait_for("document.querySelector('#now').textContent.startsWith('frame 29 ')")
    browser.settle()
    assert browser.text("#now") == "frame 29 / 59 \u00b7 0.29 s"
    browser.press(" ")
    assert browser.text("#play") == "Play"


def test_what_is_not_valid_is_faint_and_said(page):
    valid = np.ones((60, 17), bool)
    valid[20], valid[30, 13] = False, False
    browser = page(ROOT.replace(valid=valid), "#frame=19", kept=[0, 20])
    solid = picture_of(browser)
    assert browser.text("#state") == ""
    browser.press("ArrowRight")
    assert browser.text("#state") == "kept by pruningnot valid"
    assert pixels_like(picture_of(browser), LEFT) < 0.5 * pixels_like(solid, LEFT)
    assert browser.text("#marks") == "kept by pruning (2)not valid (2 frames)"
    browser.run("location.hash = '#frame=30'")
    browser.wait_for("document.querySelector('#state').textContent === '1 of 17 joints not valid'")


def test_who_has_left_is_not_said_to_be_not_valid(page):
    people = {
        "Ann": ROOT,
        "Bo": ROOT[10:30].replace(valid=np.arange(20)[:, None] != np.full(17, 5)),
    }
    recording = stack_people(people, starts={"Ann": 0, "Bo": 10})
    browser = page(recording, "#frame=50")
    assert browser.text("#state") == ""
    assert browser.text("#marks") == "not valid (1 frame)"
    names = "[...document.querySelectorAll('#labels span:not([hidden])')].map((e) => e.textContent)"
    assert browser.run(names) == ["Ann"]
    browser.run("location.hash = '#frame=15'")
    browser.wait_for("document.querySelector('#state').textContent === '17 of 34 joints not valid'")


def test_kept_frames_are_those_of_the_people_who_are_shown(page):
    kept = np.arange(60) % np.array([[10], [4]]) == 0
    both = Poses(positions=np.stack([ROOT, ROOT]), fps=50, kept=kept)
    browser = page(both, "#frame=20")
    marks, state = (f"document.querySelector('#{name}').textContent" for name in ("marks", "state"))
    assert browser.run(marks) == "kept by pruning (18)"
    assert browser.run(state) == "kept by pruning"
    browser.run("location.hash = '#frame=10'")
    browser.wait_for(f"{state} === 'kept by pruning of 1 of 2'")
    browser.run("document.querySelectorAll('#people input')[1].click()")
    browser.wait_for(f"{marks} === 'kept by pruning (6)' && {state} === 'kept by pruning'")


def test_people_are_shown_and_hidden(page):
    browser = page([ROOT, ROOT], names=["<b>Ann", "</script><script>hacked = 1</script>"])
    assert browser.run("typeof hacked") == "undefined"
    names = "[...document.querySelectorAll('#people bdi')].map((each) => each.textContent)"
    assert browser.run(names) == ["<b>Ann", "</script><script>hacked = 1</script>"]
    both = pixels_like(picture_of(browser), LEFT)
    browser.run("document.querySelectorAll('#people input')[1].click()")
    browser.settle()
    assert 0.3 * both < pixels_like(picture_of(browser), LEFT) < 0.7 * both
    shown = "[...document.querySelectorAll('#labels span')].map((each) => !each.hidden)"
    assert browser.run(shown) == [True, False]


def test_dragging_turns_it_and_a_joint_says_its_numbers(page):
    browser = page(tail="#frame=5&view=front")
    axes = "document.querySelector('#axes svg').innerHTML"
    before = browser.run(axes)
    rows, columns = np.nonzero(np.abs(picture_of(browser) - LEFT).max(axis=-1) < 40)
    browser.mouse("mouseMoved", int(columns[0]), int(rows[0]) + 3)  # the topmost of the left
    browser.settle()
    name, numbers = browser.text("#joint").split(" ", 1)
    wanted = ", ".join(f"{value:.3f}" for value in ROOT[name][5]).replace("-", "\u2212")
    assert (name in ("thorax", "lshoulder"), numbers) == (True, f"({wanted}) m")
    browser.mouse("mousePressed", 200, 200, button="left", clickCount=1)
    browser.mouse("mouseMoved", 300, 200, button="left", buttons=1)
    browser.mouse("mouseReleased", 300, 200, button="left")
    browser.settle()
    assert browser.run(axes) != before


@pytest.mark.parametrize(
    ("poses", "meaning", "axes"),
    [
        (
            ROOT,
            "Root-relative: the hip is at the origin in every frame; where the person goes is "
            "not in these numbers \u00b7 metres",
            ["x right", "y down", "z away from the camera"],
        ),
        (
            Poses(positions=WALK[:1], frame="world", axes=WORLD_AXES, unit="normalised"),
            "World: z is up \u00b7 normalised units: 1 is about half the image's width at the "
            "person",
            [*WORLD_AXES],
        ),
    ],
    ids=["root", "world"],
)
def test_it_says_what_the_numbers_are(page, poses, meaning, axes):
    browser = page(poses)
    assert browser.text("#meaning") == meaning
    assert (
        browser.run("[...document.querySelectorAll('#axes li')].map((e) => e.textContent)") == axes
    )


def test_dark_and_narrow(page):
    browser = page(kept=[3], size={"width": 390, "height": 700}, dark=True, title="W" * 90)
    assert picture_of(browser)[5, 5].tolist() == pytest.approx([21, 24, 28], abs=1)
    assert browser.run("document.documentElement.scrollWidth") == 390
    assert browser.run("document.documentElement.scrollHeight") == 700
    outside = """[...document.querySelectorAll("button, select, label, canvas, summary")].filter(
        (each) => each.offsetParent && each.getBoundingClientRect().right > 390).length"""
    assert browser.run(outside) == 0


def test_without_webgl_it_says_so_and_the_rest_works(page, browser):
    hidden = "HTMLCanvasElement.prototype.getContext = ((get) => function (kind, ...more) {"
    hidden += "return kind === '2d' ? get.call(this, kind, ...more) : null;"
    hidden += "})(HTMLCanvasElement.prototype.getContext)"
    added = browser.call("Page.addScriptToEvaluateOnNewDocument", source=hidden)
    page([ROOT, ROOT], kept=[1])
    browser.call("Page.removeScriptToEvaluateOnNewDocument", **added)
    assert browser.text("#trouble") == (
        "This browser cannot draw in 3-D: WebGL 2 is missing or switched off."
    )
    browser.press("ArrowRight")
    assert browser.text("#state") == "kept by pruning"
    assert ["WebGL" in str(each) for each in browser.troubles] == [True]
    browser.troubles.clear()


def test_who_is_there_for_one_frame_of_many_is_in_the_picture(page):
    sparse = np.full((5000, 17, 3), np.nan, np.float32)
    sparse[4001] = WALK[0] + 50
    browser = page(Poses(positions=sparse, fps=50, frame="camera"), "#frame=4001")
    assert pixels_like(picture_of(browser), LEFT) > 30
    browser.press("ArrowLeft")
    assert browser.text("#state") == "not valid"
    assert pixels_like(picture_of(browser), LEFT) == 0
