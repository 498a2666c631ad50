"""Ctrl-C as a wish to come to an end."""

import os
import signal
import threading

import pytest

from h2ot_edge._interrupts import stopping_on_interrupt


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_is_noted_and_the_second_ends():
    with stopping_on_interrupt() as interrupted:
        assert not interrupted()
        press()
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            press()
    with pytest.raises(KeyboardInterrupt):
        press()


def test_what_was_there_before_comes_back_after_an_error():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="no"), stopping_on_interrupt():
        raise ValueError("no")
    assert signal.getsignal(signal.SIGINT) is before


def test_who_ignores_it_goes_on_ignoring_it():
    """As what a script starts with & does."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopping_on_interrupt() as interrupted:
            press()
            press()
            assert not interrupted()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_python_does_not_know_stays(monkeypatch):
    """It is None then, which `signal.signal` does not take back."""
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    with stopping_on_interrupt() as interrupted, pytest.raises(KeyboardInterrupt):
        press()
    assert not interrupted()


def test_other_threads_get_no_signals():
    seen = []

    def work():
        with stopping_on_interrupt() as interrupted:
            seen.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
