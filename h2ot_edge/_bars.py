"""Progress bars: on a terminal only, and only where tqdm is installed."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from h2ot_edge._names import require
from h2ot_edge.errors import MissingExtra

_logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told how much is done, and how much there is."""

NamedProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


@contextmanager
def progress_bar(unit: str, *, shown: bool) -> Iterator[Progress | None]:
    """A bar to be told how much is done and how much there is, on a terminal only."""
    with _bar(unit, shown=shown) as bar:
        yield None if bar is None else lambda done, total: _move(bar, done, total)


@contextmanager
def named_progress(unit: str, *, shown: bool) -> Iterator[NamedProgress]:
    """As `progress_bar`, to be told also what is being done."""
    with _bar(unit, shown=shown) as bar:

        def tell(doing: str, done: int, total: int) -> None:
            if bar is not None:
                bar.set_description_str(doing, refresh=False)
                _move(bar, done, total)

        yield tell


@contextmanager
def _bar(unit: str, *, shown: bool) -> Iterator[Any]:
    """A bar of tqdm, or None."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    try:
        tqdm = require("tqdm", "ort")
    except MissingExtra as error:  # a bar is no reason not to work
        _logger.info("no progress bar: %s", error)
        yield None
        return
    with tqdm.tqdm(unit=unit, leave=False) as bar:
        yield bar


def _move(bar: Any, done: int, total: int) -> None:
    bar.total = total
    bar.update(done - bar.n)
