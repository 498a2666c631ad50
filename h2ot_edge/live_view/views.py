"""What shows scenes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from h2ot_edge.live_view.scene import Scene
from h2ot_edge.video import Source

__all__ = ["NoView", "View", "title_of"]


class View(Protocol):
    """Shows scenes, from the main thread."""

    def wait(self) -> None:
        """Until somebody can see it."""

    def show(self, scene: Scene, numbers: Mapping[str, Any]) -> bool:
        """Show a scene and numbers of `Numbers`; whether more are wanted."""
        ...

    def close(self) -> None:
        """Show nothing more."""


class NoView:
    """Shows nothing."""

    def wait(self) -> None:
        """Nobody looks."""

    def show(self, scene: Scene, numbers: Mapping[str, Any]) -> bool:
        """Go on."""
        return True

    def close(self) -> None:
        """There is nothing to close."""


def title_of(source: Source) -> str:
    """Its name without the folders of a file."""
    return source.name if "://" in source.name else Path(source.name).name
