"""Where files are kept that can be made again."""

import os
from pathlib import Path
from typing import Literal

from h2ot_edge.errors import UsageError

Kind = Literal["engines", "onnx"]

_KEPT = {"engines": "engines", "onnx": "exported models"}


def cache_folder(kind: Kind) -> Path:
    """The folder of one kind of files; it need not be there.

    `$H2OT_HOME/KIND`, else `$XDG_CACHE_HOME/h2ot-edge/KIND`, else `~/.cache/h2ot-edge/KIND`.

    Raises:
        UsageError: none of them is known.
    """
    home = os.environ.get("H2OT_HOME")
    if home:
        return Path(home) / kind
    cache = os.environ.get("XDG_CACHE_HOME")
    if cache:
        return Path(cache) / "h2ot-edge" / kind
    try:
        return Path.home() / ".cache" / "h2ot-edge" / kind
    except RuntimeError as error:
        raise UsageError(
            f"{_KEPT[kind]} have no place: the user has no home folder; set H2OT_HOME to a folder "
            "that can be written"
        ) from error
