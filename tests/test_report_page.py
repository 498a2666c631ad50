"""The pages of h2ot-bench: nothing from outside, hostile names, the same bytes, in a browser."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from bench_documents import document, every_row, latency_row, model, point
from matplotlib.image import imread

from h2ot_edge import cli
from h2ot_edge.benchmarks.report import write_report
from h2ot_edge.benchmarks.report.drawing import DARK, LIGHT
from h2ot_edge.benchmarks.report.page import _TEMPLATES
from h2ot_edge.benchmarks.report.words import clean
from h2ot_edge.errors import MissingExtra, UsageError

SCRIPT = "<script>document.title='owned'</script>"
HOSTILE = f"{SCRIPT}|`*$\\frac{{$ \" onload='x'\u202e名{{{{7*7}}}}"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def hostile():
    """A document whose every text of its own is hostile."""
    rows = [{**row, "model": HOSTILE, "inside": HOSTILE} for row in every_row()]
    rows[1] |= {"problems": [HOSTILE]}
    rows.append(latency_row(model="plain"))
    models = {HOSTILE: model(HOSTILE, file=HOSTILE, unknown=[HOSTILE]), "plain": model()}
    found = document(rows=rows, models=models, command=[HOSTILE], settings={HOSTILE: HOSTILE})
    found["machine"]["name"] = HOSTILE
    found["curve"] = [point(model=HOSTILE, data=HOSTILE), point("1:9", 0.5, model="plain")]
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Of a report of the hostile document."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    found = hostile()
    return {file.name: file for file in write_report([found], path, found)}


@pytest.fixture(scope="module")
def html(files):
    return files["report.html"].read_text(encoding="utf-8")


class Page(HTMLParser):
    """Every element with its attributes, and the text that is shown."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def test_a_page_comes_with_its_markdown_and_plots(files):
    assert list(files)[:3] == ["report.html", "report.md", "report-boundaries.png"]
    assert set(re.findall(r"\]\((.*?\.png)\)", files["report.md"].read_text())) == {*files} - {
        *("report.html", "report.md")
    }
    for name in [*files][2:]:
        assert imread(files[name]).std() > 0.05


def test_a_page_needs_nothing_from_outside(html):
    page = Page(html)
    for tag, attributes in page.elements:
        assert tag not in ("script", "link", "img", "iframe", "object", "image")
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        assert attributes.get("href", "#").startswith("#")
    css = re.sub(r"url\(#", "", html)
    assert "url(" not in css
    assert "@import" not in css
    assert "default-src 'none'" in html


def test_names_from_documents_are_text_and_nothing_else(html, files):
    shown = Page(html).text
    assert shown.count(SCRIPT) > 10
    assert "{{7*7}}" in shown
    assert "\u202e" not in html
    lines = files["report.md"].read_text().splitlines()
    assert [line for line in lines if "<script" in line] == [f"    {clean(HOSTILE)}"]  # code


def test_ids_are_unique_and_every_reference_has_one(html):
    elements = Page(html).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 100
    used = {attributes["href"][1:] for _, attributes in elements if "href" in attributes}
    used |= set(re.findall(r"url\(#(.*?)\)", html))
    assert used <= set(ids)


def test_every_plot_is_there_in_light_and_in_dark(html, files):
    drawings = [attributes for tag, attributes in Page(html).elements if tag == "svg"]
    assert [each["class"] for each in drawings] == ["light", "dark"] * (len(files) - 2)
    assert all(each["aria-label"] and "width" not in each for each in drawings)
    for own, other in ((LIGHT, DARK), (DARK, LIGHT)):
        plots = re.findall(rf'<svg [^>]*class="{own.name}".*?</svg>', html, re.DOTALL)
        used = set(re.findall(r"(?:fill|stroke): (#\w{6})", "".join(plots)))
        assert used <= {*own.inks}
        assert not used & {*other.inks}


def test_a_page_of_two_models_is_small(html):
    assert len(html.encode()) < 1_000_000


def test_tables_of_markdown_have_as_many_cells_as_columns(files):
    lines = [line for line in files["report.md"].read_text().splitlines() if line[:2] == "| "]
    blocks = [i for i, line in enumerate(lines) if re.fullmatch(r"[| :-]+", line)]
    assert len(blocks) > 8
    for at, end in zip(blocks, [*blocks[1:], len(lines) + 1], strict=True):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in lines[at - 1 : end - 1]}
        assert len(counts) == 1


def test_the_same_results_give_the_same_bytes(tmp_path):
    small = document(rows=[latency_row()], models={"small": model(cost=None)})
    once, again = (
        {file.name: file.read_bytes() for file in write_report([small], tmp_path / n / "a.html")}
        for n in ("1", "2")
    )
    assert once == again
    assert len(once) == 4


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """As WCAG 2.1 has it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_plots_can_be_told_from_what_they_lie_on(theme):
    assert contrast(theme.text, theme.surface) > 7
    assert contrast(theme.muted, theme.surface) > 4.5
    assert min(contrast(colour, theme.surface) for colour in theme.colours) > 3


def test_the_page_can_be_read_in_light_in_dark_and_printed():
    css = (_TEMPLATES / "report.css").read_text()
    roots = [dict(re.findall(r"--([\w-]+): (#\w{6})", each)) for each in css.split(":root {")[1:]]
    assert len(roots) == 3
    for colours in roots:
        for under in ("surface", "raised", "warning", "bound"):
            for over in ("text", "muted", "link"):
                assert contrast(colours[over], colours[under]) > 4.5, (over, under)


# refusals and the command


def test_a_page_is_called_html(tmp_path):
    with pytest.raises(UsageError) as error:
        write_report([document()], tmp_path / "report.md")
    assert str(error.value) == (
        f"{tmp_path / 'report.md'}: expected a name that ends in .html for the page"
    )


def test_what_cannot_be_written_is_told(tmp_path):
    (tmp_path / "a.html").mkdir()
    small = document(rows=[latency_row()], models={"small": model(cost=None)}, peaks=[])
    with pytest.raises(UsageError) as error:
        write_report([small], tmp_path / "a.html")
    assert str(error.value) == (
        f"{tmp_path / 'a.html'}: cannot be written (Is a directory); give another name with -o"
    )


def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtra) as error:
        write_report([document(rows=[latency_row()])], tmp_path / "a.html")
    assert str(error.value) == (
        "jinja2 cannot be imported (import of jinja2 halted; None in sys.modules); pip install "
        "'h2ot-edge[bench]'"
    )
    assert not list(tmp_path.iterdir())


def test_the_command_writes_the_page_and_says_so(tmp_path, capsys):
    small = document(rows=[latency_row()], models={"small": model(cost=None)}, peaks=[])
    result, page = tmp_path / "result.json", tmp_path / "out" / "r.html"
    result.write_text(json.dumps(small))
    arguments = ["report", str(result), "-o", str(page), "--baseline", str(result)]
    assert cli.bench(arguments) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert told[:2] == [["page", str(page)], ["Markdown", str(page.with_suffix(".md"))]]
    assert {path for _, path in told} == {str(path) for path in page.parent.iterdir()}
    assert cli.bench([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["page"] == str(page)


# in a browser


FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
FLAGS += " --disable-background-networking --disable-component-update --disable-sync"

MEASURE = """<script>addEventListener("load", () => {
  const seen = (name) => [...document.querySelectorAll("svg." + name)]
    .filter((each) => each.getBoundingClientRect().height > 40).length;
  const [width, needed] = [innerWidth, document.documentElement.scrollWidth];
  const [title, light, dark] = [document.title, seen("light"), seen("dark")];
  parent.postMessage({width, needed, title, light, dark}, "*");
});</script></body>"""

COLLECT = """<script>const found = []; addEventListener("message", (event) => {
  found.push(event.data); document.body.dataset.found = JSON.stringify(found);
});</script><body><iframe src=page.html width=390 height=800 frameborder=0></iframe>
<iframe src=page.html width=1280 height=800 frameborder=0></iframe></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("shown", ["light", "dark"])
def test_a_browser_shows_the_page_without_scrolling_sideways(html, files, tmp_path, shown):
    """In frames as wide as a telephone and a screen, because windows have a least width."""
    page = re.sub(r"<meta http-equiv.*", "", html).replace("</body>", MEASURE)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    (tmp_path / "frames.html").write_text(COLLECT)
    scheme = f"--blink-settings=preferredColorScheme={int(shown == 'light')}"
    flags = [*FLAGS.split(), scheme, "--virtual-time-budget=5000", "--window-size=1400,900"]
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'user'}", "--dump-dom"]
    command.append(f"file://{tmp_path / 'frames.html'}")
    dom = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.decode()
    (found,) = [each["data-found"] for tag, each in Page(dom).elements if tag == "body"]
    plots = {"light": 0, "dark": 0, shown: len(files) - 2}
    assert sorted(json.loads(found), key=lambda each: each["width"]) == [
        {"width": width, "needed": width, "title": "Benchmark report", **plots}
        for width in (390, 1280)
    ]
