"""The live page in a browser. Skipped where there is no Chromium."""

import io
import json

import chromium
import numpy as np
import pytest
from live_scenes import SIZE, Detector, Film, engine, person, scenes

from h2ot_edge.live_view import BrowserView, server
from h2ot_edge.stages import StageTimes

cv2 = pytest.importorskip("cv2")
image = pytest.importorskip("matplotlib.image")
pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed")

NUMBERS = {
    "fps": 29.97,
    "delay_ms": 240,
    "people": 1,
    "dropped": 3,
    "stages_ms": {"detect": 20.04, "lift": 4.0},
}
LEFT = (0, 114, 178)
WALK = Detector(lambda number: {"1": person(x=number)})
MANY = Detector(lambda number: {f"p{each}": person(x=12 * each - 60) for each in range(number)})


@pytest.fixture(scope="module")
def browser():
    with chromium.Browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("model")) as loaded:
        yield loaded


@pytest.fixture
def page(browser, model, monkeypatch):
    """Open a page; nothing may go wrong in it, nor be asked of anybody but its server."""
    monkeypatch.setattr(server, "_IDLE_S", 1000)  # a picture that is sent twice would hide a delay
    browser.troubles.clear()
    browser.asked.clear()
    views = []

    def opened(*, port=0, width=900, height=600, dark=False):
        view = BrowserView(Film(), model.card, StageTimes(), port=port)
        views.append(view)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.call("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        if not port:
            browser.call("Page.navigate", url=view.url)
        browser.wait_for("document.querySelector('#link')?.textContent === 'live'")
        view.wait()
        return view

    yield opened
    for view in views:
        view.close()
    browser.call("Page.navigate", url="about:blank")
    servers = tuple(view.url for view in views)
    assert [each for each in browser.asked if not each.startswith(("data:", *servers))] == []
    known = ("GPU stall", "ERR_CONNECTION_REFUSED")
    troubles = [str(each) for each in browser.troubles]
    assert [each for each in troubles if not any(word in each for word in known)] == []


def show(browser, view, made):
    """Show a scene, and wait until the page has it."""
    view.show(made, NUMBERS)
    browser.wait_for(
        f"document.querySelector('#frame').textContent.startsWith('{made.frame.number} ')"
    )
    browser.settle()


def shown(browser):
    """(height, width, 3) 0 to 255: the whole page."""
    return image.imread(io.BytesIO(browser.picture()), format="png")[..., :3] * 255


PICTURE = """(() => {
  const pen = document.createElement("canvas").getContext("2d");
  const picture = document.querySelector("#picture");
  pen.drawImage(picture, 0, 0);
  return [pen.getImageData(2, 2, 1, 1).data[0], picture.naturalWidth, picture.naturalHeight];
})()"""
"""How bright the corner of the camera's picture is, and its size."""


def test_picture_skeleton_and_numbers_change(browser, page, model):
    view = page()
    made = scenes(model, WALK, frames=60)
    shots = []
    for scene in (made[5], made[50]):
        show(browser, view, scene)
        browser.wait_for(f"Math.abs({PICTURE}[0] - {scene.frame.number}) < 4")
        shots.append(shown(browser)[70:500, 450:])  # the stage
    assert browser.run(PICTURE)[1:] == list(SIZE)
    left = [np.abs(shot - LEFT).max(axis=-1) < 40 for shot in shots]
    assert min(each.sum() for each in left) > 100
    assert (left[0] != left[1]).sum() > 100
    numbers = {
        name: browser.text(f"#{name}") for name in ("fps", "delay", "count", "dropped", "stages")
    }
    assert numbers == {
        "fps": "30.0",
        "delay": "240 ms",
        "count": "1",
        "dropped": "3",
        "stages": "detect 20.0 \u00b7 lift 4.0",
    }
    assert browser.text("#frame") == "50 \u00b7 1.00 s"
    assert browser.text("h1") == "film.mp4, tiny linear"
    assert [label for label in labels(browser) if label] == []  # who is alone needs no name
    assert json.loads(browser.text("#given"))["size"] == list(SIZE)


def labels(browser):
    return browser.run(
        "[...document.querySelectorAll('#labels span')].map((each) => each.textContent)"
    )


def test_people_come_and_go_and_have_names(browser, page, model):
    view = page(dark=True)
    made = scenes(model, MANY, frames=14, lookahead=0, hop=1)
    show(browser, view, made[2])
    assert sorted(filter(None, labels(browser))) == ["p0", "p1"]
    show(browser, view, made[9])  # more than there were places
    assert sorted(filter(None, labels(browser))) == [f"p{n}" for n in range(9)]
    assert browser.text("#count") == "9"
    show(browser, view, scenes(model, MANY, frames=4, lookahead=0, hop=1)[1])
    assert [label for label in labels(browser) if label] == ["p0"]


def test_views_turn_by_button_and_key(browser, page, model):
    view = page()
    show(browser, view, scenes(model, WALK, frames=8)[0])
    before = shown(browser)
    browser.press("4")
    above = shown(browser)
    assert (np.abs(above - before)[100:500, 450:].max(axis=-1) > 60).sum() > 1000
    browser.run("document.querySelector('[data-view=turned]').click()")
    browser.settle()
    np.testing.assert_allclose(shown(browser)[100:500, 450:], before[100:500, 450:], atol=8)


def test_it_says_that_it_ended_and_comes_back(browser, page, model):
    view = page()
    made = scenes(model, WALK, frames=20)
    show(browser, view, made[0])
    view.close()
    browser.wait_for("document.querySelector('#link').textContent.startsWith('it has ended')")
    assert browser.text("#link") == "it has ended; waiting for it to begin again"
    again = page(port=int(view.url.rsplit(":", 1)[1].strip("/")))
    show(browser, again, made[7])


def test_a_narrow_page_has_all_of_it(browser, page, model):
    view = page(width=380, height=760)
    show(browser, view, scenes(model, WALK, frames=8)[0])
    box = "(({x, y, width, height}) => [x, y, width, height])"
    where = f"{box}(document.querySelector('%s').getBoundingClientRect())"
    boxes = [browser.run(where % part) for part in ("#film", "#stage", "#numbers")]
    assert all(x >= 0 and x + width <= 380 for x, _, width, _ in boxes)
    assert min(height for *_, height in boxes) > 40
    assert boxes[0][1] + boxes[0][3] <= boxes[1][1]
    assert browser.run("document.documentElement.scrollWidth") == 380
