"""OpenCV, when it is asked for."""

from types import ModuleType

from h2ot_edge._names import require
from h2ot_edge.errors import MissingExtra

__all__ = ["require_cv2"]


def require_cv2() -> ModuleType:
    """Import `cv2`.

    Raises:
        MissingExtra: not installed, or it needs a library that the system has not, which is how
            opencv-python fails on machines without a screen.
    """
    try:
        return require("cv2", "video")
    except MissingExtra as error:
        if "cannot open shared object file" not in str(error):
            raise
        raise MissingExtra(
            f"cv2 is installed, but the system lacks a library that it needs ({error.__cause__}); "
            "pip uninstall -y opencv-python, then pip install opencv-python-headless, which needs "
            "no screen (and opens no windows)"
        ) from error
