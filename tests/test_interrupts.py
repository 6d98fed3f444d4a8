"""Ctrl-C is kept back while something must not be torn apart, and never lost."""

from __future__ import annotations

import signal
import threading

import pytest

from segflow.interrupts import interrupt_later


def test_an_interrupt_comes_when_the_block_is_over() -> None:
    done = []

    def work() -> None:
        with interrupt_later():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest of the block")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["the rest of the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_nothing_happens() -> None:
    with interrupt_later():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_block_stays_the_error() -> None:
    def work() -> None:
        with interrupt_later():
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        work()


def test_other_threads_are_let_alone() -> None:
    seen = []

    def work() -> None:
        with interrupt_later():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
