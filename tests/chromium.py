"""A headless Chromium, steered through two pipes; nothing but the browser is needed."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")

# The switches without which it asks the network for things of its own, or looks for a GPU.
_SWITCHES = (
    *("--headless", "--no-sandbox", "--no-first-run", "--hide-scrollbars", "--mute-audio"),
    *("--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--remote-debugging-pipe"),
)


class Browser:
    """One page of one browser, and what it complained of.

    Attributes:
        troubles: errors and warnings of the console, exceptions, refusals by the page's policy.
        asked: addresses that were requested.
    """

    def __init__(self, *switches):
        self.troubles, self.asked = [], []
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self._out = _pipe()
        self._in, from_browser = _pipe()
        # The browser reads at 3 and writes at 4; sh knows no descriptor of two digits.
        command = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        arguments = [PROGRAM, *_SWITCHES, *switches, f"--user-data-dir={self._folder.name}"]
        self._process = subprocess.Popen(
            ["bash", "-c", command, *arguments, "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._left, self._number, self._session = b"", 0, None
        self._attach()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session = None
        self.call("Browser.close")
        self._process.wait(10)
        os.close(self._out)
        os.close(self._in)
        self._folder.cleanup()

    def call(self, method, **parameters):
        """Ask, and wait for the answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self._note(answer)

    def open(self, path, tail="", width=800, height=600, *, dark=False, touch=False):
        """Load a file of this machine, and wait until it is drawn."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=Path(path).resolve().as_uri() + tail)
        self.wait_for("document.readyState === 'complete'")
        self.settle()

    def settle(self):
        """Wait for two pictures to be drawn."""
        self.run("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")

    def wait_for(self, condition, seconds=20):
        """Until an expression of the page is true."""
        until = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < until, condition
            time.sleep(0.02)

    def run(self, expression):
        """The value of an expression in the page; promises are waited for."""
        given = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", **given)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def text(self, selector):
        """What is written there."""
        return self.run(f"document.querySelector({json.dumps(selector)}).textContent")

    def press(self, key):
        """A key, down and up."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.settle()

    def mouse(self, kind, x, y, **more):
        """`mousePressed`, `mouseMoved`, `mouseReleased` or `mouseWheel` at a pixel."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def picture(self):
        """The page as a PNG, bytes."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _attach(self):
        pages = self.call("Target.getTargets")["targetInfos"]
        target = next(page["targetId"] for page in pages if page["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _read(self):
        while b"\0" not in self._left:
            more = os.read(self._in, 1 << 16)
            assert more, "the browser has ended"
            self._left += more
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        method, given = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
            self.troubles.append(given["args"][0].get("value"))
        elif method == "Runtime.exceptionThrown":
            self.troubles.append(given["exceptionDetails"])
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.troubles.append(given["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.asked.append(given["request"]["url"])


def _pipe():
    """Two descriptors that are neither 3 nor 4."""
    ends = []
    for end in os.pipe():
        ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(end)
    return ends
