"""Signals that come while somebody works: the first is heard, nobody is left at work."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from tenfold import interrupts

WITHIN_SECONDS = 10.0


@pytest.fixture(autouse=True)
def as_commands_have_them() -> Iterator[None]:
    """Python's own handler of Ctrl-C, for all of them."""
    before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in interrupts.SIGNALS]


def guarded(work: Callable[[interrupts.Guard], None]) -> None:
    with interrupts.one_at_most() as guard:
        work(guard)


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_the_first_signal_is_heard_and_those_behind_it_wait(number: int) -> None:
    before, taken_back = handlers(), []

    def work(_: interrupts.Guard) -> None:
        try:
            signal.raise_signal(number)
        finally:
            for again in interrupts.SIGNALS:
                signal.raise_signal(again)
            taken_back.append("all")

    with pytest.raises(KeyboardInterrupt):
        guarded(work)
    assert taken_back == ["all"]
    assert handlers() == before


def test_what_was_held_is_heard_at_the_end() -> None:
    done = []

    def work(guard: interrupts.Guard) -> None:
        guard.hold()
        signal.raise_signal(signal.SIGTERM)
        done.append("all")

    with pytest.raises(KeyboardInterrupt):
        guarded(work)
    assert done == ["all"]


def test_a_failure_is_told_rather_than_the_signal_that_came_behind_it() -> None:
    def work(guard: interrupts.Guard) -> None:
        try:
            raise ValueError("the cause")
        finally:
            guard.hold()
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(ValueError, match="the cause"):
        guarded(work)


def test_what_is_held_stays_held_within() -> None:
    done = []
    with interrupts.one_at_most() as guard:
        guard.hold()
        with interrupts.one_at_most():
            pass
        interrupts.at_once([lambda: signal.raise_signal(signal.SIGINT)])
        done.append("taken back")
        guard.came.clear()
    assert done == ["taken back"]


def test_whom_nothing_interrupts_is_not_asked() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupts.one_at_most():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.raise_signal(signal.SIGHUP)


def test_all_are_at_work_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=WITHIN_SECONDS)
    interrupts.at_once([lambda: (meeting.wait(), None)[1] for _ in range(3)])


def test_the_first_failure_in_order_is_raised_when_all_have_ended() -> None:
    ended: list[str] = []

    def fails() -> None:
        raise ValueError("first")

    def takes_longer() -> None:
        ended.append("second")
        raise ValueError("second")

    with pytest.raises(ValueError, match="first"):
        interrupts.at_once([fails, takes_longer])
    assert ended == ["second"]


def test_who_is_asked_to_end_leaves_nobody_at_work() -> None:
    """Asked many times: each breaks off no more than what is broken off already."""
    asked, ended, told = threading.Event(), [], []

    def asks() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)

    def works() -> None:
        assert asked.wait(WITHIN_SECONDS)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        ended.append("works")

    def waits(left: Sequence[int]) -> None:
        told.append(left)
        asked.set()

    with pytest.raises(KeyboardInterrupt):
        interrupts.at_once([asks, works], waits)
    assert ended == ["works"]
    assert len(told) == 1
    assert 1 in told[0]


def test_orders_that_others_carry_out_are_broken_off_and_no_more_are_given() -> None:
    here, there = socket.socketpair()
    seen: list[str] = []
    with here, there:

        def orders() -> None:
            try:
                with interrupts.breakable(here):
                    os.kill(os.getpid(), signal.SIGINT)
                    assert here.recv(1) == b""
                    raise ConnectionError("broken off")
            except KeyboardInterrupt:
                seen.append("broken off")
            with pytest.raises(KeyboardInterrupt), interrupts.breakable(here):
                seen.append("another one")

        here.settimeout(WITHIN_SECONDS)
        with pytest.raises(KeyboardInterrupt):
            interrupts.at_once([orders])
    assert seen == ["broken off"]


def test_a_failure_of_its_own_is_not_taken_for_being_broken_off() -> None:
    here, there = socket.socketpair()

    def orders() -> None:
        with interrupts.breakable(here):
            raise ConnectionError("it left")

    with here, there, pytest.raises(ConnectionError, match="it left"):
        interrupts.at_once([orders])


def test_work_within_work_is_ended_with_it() -> None:
    asked, ended = threading.Event(), []

    def deep() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert asked.wait(WITHIN_SECONDS)
        ended.append("deep")
        interrupts.check()
        ended.append("too far")

    with pytest.raises(KeyboardInterrupt):
        interrupts.at_once([lambda: interrupts.at_once([deep, deep])], lambda left: asked.set())
    assert ended == ["deep", "deep"]


def test_without_anything_to_do_nothing_is_done() -> None:
    interrupts.at_once([])
    interrupts.check()
