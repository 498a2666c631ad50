"""Ctrl-C and errors while a library runs that swallows what is raised in its callbacks."""

import os
import signal
import threading

import pytest

from h2ot_edge.engines.progress import holding_interrupts


@pytest.fixture(autouse=True)
def handler():
    """The usual handler of Ctrl-C, which a test may change."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_raised_at_the_end(handler):
    steps = []

    def build(held):
        press_ctrl_c()
        steps.append(type(held.raised))
        press_ctrl_c()
        steps.append("went on")

    with pytest.raises(KeyboardInterrupt), holding_interrupts() as held:
        build(held)
    assert steps == [KeyboardInterrupt, "went on"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_it_takes_the_place_of_another_error(handler):
    """Such as that of a build which was ended by it."""

    def build():
        press_ctrl_c()
        raise ValueError("the build was cancelled")

    with pytest.raises(KeyboardInterrupt) as caught, holding_interrupts():
        build()
    assert isinstance(caught.value.__context__, ValueError)
    assert signal.getsignal(signal.SIGINT) is handler


def test_other_errors_pass_as_they_are(handler):
    with pytest.raises(ValueError, match="as it is"), holding_interrupts():
        raise ValueError("as it is")
    assert signal.getsignal(signal.SIGINT) is handler


def test_without_any_nothing_is_raised(handler):
    with holding_interrupts() as held:
        assert signal.getsignal(signal.SIGINT) is not handler
    assert held.raised is None
    assert signal.getsignal(signal.SIGINT) is handler


class Enough(Exception):
    pass


def test_the_handler_of_an_app_is_asked():
    calls = []

    def own(number, frame):
        calls.append(number)
        if len(calls) == 2:
            raise Enough

    signal.signal(signal.SIGINT, own)

    def build(held):
        press_ctrl_c()
        assert held.raised is None
        press_ctrl_c()

    with pytest.raises(Enough), holding_interrupts() as held:
        build(held)
    assert calls == [signal.SIGINT] * 2
    assert signal.getsignal(signal.SIGINT) is own


def test_what_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with holding_interrupts() as held:
        press_ctrl_c()
    assert held.raised is None
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_set_no_handlers(handler):
    found = []

    def run():
        with holding_interrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [handler]
