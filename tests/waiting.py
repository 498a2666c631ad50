"""Waiting for what threads do: as long as a busy machine may take, and no longer than needed."""

import time

PATIENCE_S = 60.0


def until(condition):
    """Until it is true; a test that waits for so long in vain fails."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)
