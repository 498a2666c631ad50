"""The page around the poses: a template, a style sheet, scripts; no network."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h2ot_edge._version import __version__

__all__ = ["asset", "digest", "escaped", "html_of", "json_text"]

_ASSETS = Path(__file__).with_name("assets")
_SCRIPTS = ("clip.js", "words.js", "shapes.js", "stage.js", "overlays.js", "timeline.js", "page.js")


def html_of(document: Mapping[str, Any], title: str) -> bytes:
    """The page as UTF-8.

    Args:
        document: what `document_of` gives.
        title: any text.
    """
    library, style = asset("three.min.js"), asset("page.css")
    script = '(() => {\n"use strict";\n' + "".join(map(asset, _SCRIPTS)) + "})();\n"
    parts = {
        "TITLE": escaped(title),
        "GENERATOR": f"h2ot-edge {__version__}",
        "POLICY": _policy([library, script], style),
        "STYLE": style,
        "POSES": json_text({**document, "title": title}),
        "THREE": library,
        "SCRIPT": script,
    }
    # In one pass, so that nothing that was put in is looked at again.
    page = re.sub("@@([A-Z]+)@@", lambda found: parts[found[1]], asset("page.html"))
    return page.encode("utf-8")


def asset(name: str) -> str:
    """The text of a file of the pages."""
    return (_ASSETS / name).read_text(encoding="utf-8")


def escaped(text: str) -> str:
    """For HTML, as ASCII: half a surrogate pair would stop the page from being written."""
    return html.escape(text).encode("ascii", "xmlcharrefreplace").decode("ascii")


def json_text(document: Mapping[str, Any]) -> str:
    """JSON that ends no script element: ASCII without `<`, `>` and `&`."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _policy(scripts: list[str], style: str) -> str:
    """What the browser enforces: these scripts, this style, and no request to anywhere."""
    allowed = " ".join(map(digest, scripts))
    return (
        f"default-src 'none'; script-src {allowed}; style-src {digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    """What a Content-Security-Policy calls a script or a style sheet."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"
