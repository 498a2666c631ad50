"""What holds of every detector, whatever its library does."""

import contextlib
import sys
from collections.abc import Iterator

from h2ot_edge.detectors.detection import Detections, Detector, Image
from h2ot_edge.errors import H2OTError, InputError

__all__ = ["GuardedDetector", "printing_to_stderr"]


@contextlib.contextmanager
def printing_to_stderr() -> Iterator[None]:
    """Keep what a library prints out of stdout, where the results of commands go.

    Of the whole process, so that other threads should not print results meanwhile.
    """
    with contextlib.redirect_stdout(sys.stderr):
        yield


class GuardedDetector:
    """A detector that prints nothing to stdout and raises nothing but `H2OTError`.

    Args:
        detector: does the work; is closed with this.
    """

    def __init__(self, detector: Detector) -> None:
        self.name = detector.name
        self._detector = detector

    def __call__(self, image: Image, timestamp: float) -> Detections:
        """Find the people in an image."""
        with self._guarded():
            return self._detector(image, timestamp)

    def close(self) -> None:
        """Free the detector."""
        with self._guarded():
            self._detector.close()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with printing_to_stderr():
                yield
        except H2OTError:
            raise
        except Exception as error:  # libraries have errors of their own
            raise InputError(f"{self.name}: raised {type(error).__name__}: {error}") from error
