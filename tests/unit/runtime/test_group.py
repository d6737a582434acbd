"""What a master and its workers share: the board, the channels, the state of the whole."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tenfold.runtime.board import ACCEPT, IMPORT, LEAVE, Board, Row
from tenfold.runtime.channel import Channel
from tenfold.runtime.gunicorn_group import Group
from tenfold.runtime.settings import RunSettings
from tenfold.runtime.state import ProcessState
from tenfold.wiring import control


def test_the_board_is_shared_with_children() -> None:
    board = Board(2)
    pid = os.fork()
    if pid == 0:
        board.row(1).cells[Row.ACTIVE] = 5
        board.row(1).cells[Row.BOOTED] = 1
        board.error = "cannot import it: für immer"
        board.error = "a second worker cannot either"
        os._exit(0)
    os.waitpid(pid, 0)
    assert board.total(Row.ACTIVE) == 5
    assert board.total(Row.BOOTED) == 1
    assert board.error == "cannot import it: für immer"


def test_requests_go_on_counting_when_a_row_has_a_new_worker() -> None:
    row = Board(1).row(0)
    for column in (Row.BOOTED, Row.CONNECTIONS, Row.ACTIVE, Row.REQUESTS):
        row.cells[column] = 3
    row.clear()
    assert list(row.cells[:4]) == [0, 0, 0, 3]


def test_an_error_that_is_too_long_is_cut() -> None:
    board = Board(1)
    board.error = "ü" * 100_000
    assert set(board.error.rstrip("\ufffd")) == {"ü"}


@pytest.fixture
def channel() -> Iterator[Channel]:
    made = Channel()
    yield made
    made.close()


def worker(channel: Channel, answer: Any) -> int:
    """A forked worker that answers."""
    pid = os.fork()
    if pid == 0:
        channel.serve(answer)
        time.sleep(30)
        os._exit(0)
    channel.in_master()
    return pid


def test_a_worker_answers(channel: Channel) -> None:
    pid = worker(channel, lambda message: {"ok": True, "you said": message["order"]})
    channel.tell("wake")
    answer = channel.ask({"order": "metrics"}, 10)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert answer == {"ok": True, "you said": "metrics"}


def test_a_late_answer_is_not_taken_for_the_next_one(channel: Channel) -> None:
    def answer(message: dict[str, Any]) -> dict[str, Any]:
        if message["order"] == "slow":
            time.sleep(0.3)
        return {"said": message["order"]}

    pid = worker(channel, answer)
    with pytest.raises(TimeoutError):
        channel.ask({"order": "slow"}, 0.05)
    told = channel.ask({"order": "quick"}, 10)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert told == {"said": "quick"}


def test_a_worker_that_is_gone(channel: Channel) -> None:
    pid = worker(channel, lambda message: {})
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    channel.tell("wake")
    with pytest.raises(OSError):  # noqa: PT011 - reset or broken pipe, as it comes
        channel.ask({"order": "metrics"}, 10)


@pytest.fixture
def group() -> Group:
    settings = RunSettings(server="gunicorn", entry="x:app", control="/nowhere", workers=2)
    return Group(settings, ProcessState("r1"))


def test_the_state_of_the_whole(group: Group) -> None:
    assert group.state() == control.IMPORTING
    group.board.row(0).cells[Row.BOOTED] = 1
    assert group.state() == control.IMPORTING
    group.board.row(1).cells[Row.BOOTED] = 1
    assert group.state() == control.WARM
    assert group.order({"order": "accept"}) == {"ok": True}
    assert (group.board.order, group.state()) == (ACCEPT, control.ACCEPTING)
    assert group.order({"order": "quiesce"}) == {"ok": True}
    assert (group.board.order, group.state()) == (LEAVE, control.QUIESCING)
    assert group.order({"order": "accept"})["ok"] is False
    group.process.fail("why")
    assert group.order({"order": "status"})["error"] == "why"


def test_nothing_is_ordered_of_an_app_that_is_not_there(group: Group) -> None:
    for order in ("accept", "quiesce", "probe", "close"):
        assert group.order({"order": order}) == {"ok": False, "error": "the app is importing"}
    assert group.board.order == IMPORT


def test_each_worker_has_a_row_of_its_own(group: Group) -> None:
    rows: set[int] = set()
    group.watch(lambda: rows)
    for expected in (0, 1, 2):
        number, _ = group.place()
        assert number == expected
        rows.add(number)
    rows.remove(1)
    group.board.row(1).cells[Row.BOOTED] = 1
    number, _ = group.place()
    assert number == 1
    assert group.board.row(1).cells[Row.BOOTED] == 0
    for channel in group._channels.values():
        channel.close()
