"""The page's text: a template, style sheets, scripts; the rest comes by two streams."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h2ot_edge.viewer.page import asset, digest, escaped, json_text

__all__ = ["live_page"]

_ASSETS = Path(__file__).with_name("assets")
_SHARED = ("clip.js", "words.js", "shapes.js", "stage.js", "overlays.js")
"""Of the viewer; docs/viewer.md."""


def live_page(given: Mapping[str, Any], title: str) -> tuple[bytes, str]:
    """The page as UTF-8, and its Content-Security-Policy.

    Args:
        given: what the page is told at once: joints, parents, unit, model, source.
        title: any text.
    """
    library, style = asset("three.min.js"), asset("page.css") + _own("live.css")
    script = (
        '(() => {\n"use strict";\n' + "".join(map(asset, _SHARED)) + _own("live.js") + "})();\n"
    )
    parts = {
        "TITLE": escaped(title),
        "STYLE": style,
        "GIVEN": json_text(given),
        "THREE": library,
        "SCRIPT": script,
    }
    page = re.sub("@@([A-Z]+)@@", lambda found: parts[found[1]], _own("live.html"))
    policy = (
        f"default-src 'none'; script-src {digest(library)} {digest(script)}; "
        f"style-src {digest(style)}; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return page.encode("utf-8"), policy


def _own(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
