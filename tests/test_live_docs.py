"""What docs/live.md and docs/embedding.md say is true."""

import re
import subprocess
import sys
from pathlib import Path

from h2ot_edge.live import LiveCounts, LiveLimits, LiveOptions

ROOT = Path(__file__).parents[1]
LIVE = (ROOT / "docs" / "live.md").read_text()
EXAMPLE = ROOT / "examples" / "live_app.py"


def test_the_page_runs_from_top_to_bottom(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", LIVE, flags=re.DOTALL):
        exec(compile(code, "live.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("0 ")
    # One stream, two people with a delay of 4, and one pose of asyncio.
    assert len(printed) == 16 + 2 * 6 + 1


def test_the_look_ahead_figures_are_the_studys():
    study = (ROOT / "docs" / "accuracy" / "README.md").read_text()
    found = dict(
        re.findall(r"\| motionbert-s +\| +(\d+) \| +\d+ \| +([\d.]+ \| +[\d.]+) \|", study)
    )
    rows = re.findall(
        r"^\| (\d+)[^|]* \| (\d+) ms \| ([\d.]+) mm \| ([\d.]+) mm", LIVE, re.MULTILINE
    )
    assert len(rows) == 6
    for frames, wait, error, jitter in rows:
        assert int(wait) == 20 * int(frames)
        assert re.split(r" \| +", found[frames]) == [error, jitter]


def test_the_defaults_are_those_of_the_code():
    limits = LiveLimits()
    assert f"`max_streams` ({limits.max_streams})" in LIVE
    assert f"`idle_timeout_s` ({limits.idle_timeout_s:g})" in LIVE
    assert f"`max_queue` ({limits.max_queue})" in LIVE
    assert f"`max_unread` ({limits.max_unread})" in LIVE
    assert f"`max_gap_s` ({LiveOptions(lookahead=0).max_gap_s:g} s)" in LIVE
    assert f"`streams.counts` has {', '.join(vars(LiveCounts()))}." in LIVE


def test_the_example_runs():
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    line = (
        r"frame \d+, \d+ ms after it was filmed: wrist at [+-]\d\.\d\d [+-]\d\.\d\d [+-]\d\.\d\d m"
    )
    lines = done.stdout.splitlines()
    assert len(lines) > 3
    assert [text for text in lines if not re.fullmatch(line, text)] == []


def test_the_example_has_forty_lines():
    code = re.sub(r'""".*?"""', "", EXAMPLE.read_text(), flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 40
