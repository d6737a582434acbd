"""What a master and its workers share: the board, the channels, the state of the whole."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tenfold.runtime.board import ACCEPT, HOLD, IMPORT, LEAVE, Board, Row, order_of
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
    for column in range(8):
        row.cells[column] = 3
    row.clear()
    assert [column for column in range(8) if row.cells[column]] == [Row.REQUESTS]


def test_no_order_is_taken_for_an_earlier_one() -> None:
    board = Board(1)
    serials = [board.serial]
    for order in (ACCEPT, HOLD, ACCEPT, HOLD, HOLD, LEAVE):
        board.order = order
        assert (board.order, order_of(board.serial)) == (order, order)
        serials.append(board.serial)
    assert serials == sorted(set(serials))


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


@pytest.fixture
def serving(group: Group) -> Iterator[Group]:
    """A group of two workers, both booted, that accepts."""
    rows: set[int] = set()
    group.watch(lambda: rows)
    for _ in range(2):
        number, _ = group.place()
        rows.add(number)
        group.board.row(number).cells[Row.BOOTED] = 1
    assert group.order({"order": "accept"}) == {"ok": True}
    yield group
    for channel in group._channels.values():
        channel.close()


def ordered(group: Group, *orders: str) -> list[bool]:
    return [group.order({"order": order})["ok"] for order in orders]


def obey(group: Group, *numbers: int) -> None:
    """What the workers write when they do not accept because of this hold."""
    for number in numbers:
        group.board.row(number).cells[Row.OBEYED] = group.board.serial


def test_settled_is_accepting_with_answers_that_close(serving: Group) -> None:
    assert ordered(serving, "settle", "settle") == [True, True]
    status = serving.order({"order": "status"})
    assert (status["state"], status["settled"]) == ("accepting", True)
    assert (serving.board.order, serving.board.closing) == (ACCEPT, True)
    assert ordered(serving, "accept") == [True]
    assert serving.order({"order": "status"})["settled"] is False
    assert serving.board.closing is False


def test_holding_and_back_any_number_of_times(serving: Group) -> None:
    for _ in range(3):
        assert ordered(serving, "hold", "hold") == [True, True]
        status = serving.order({"order": "status"})
        assert (status["state"], status["settled"]) == ("holding", False)
        assert (serving.board.order, serving.board.closing) == (HOLD, True)
        assert ordered(serving, "settle") == [False]
        assert ordered(serving, "accept", "accept") == [True, True]
        assert (serving.board.order, serving.board.closing) == (ACCEPT, False)


def test_leaving_from_holding_is_for_good(serving: Group) -> None:
    assert ordered(serving, "hold", "quiesce") == [True, True]
    assert serving.process.leaving
    assert ordered(serving, "accept", "hold", "settle") == [False, False, False]
    assert serving.order({"order": "hold"}) == {"ok": False, "error": "it is quiescing"}


def test_only_what_accepts_can_be_held(group: Group) -> None:
    for number in (0, 1):
        group.board.row(number).cells[Row.BOOTED] = 1
    assert group.order({"order": "hold"}) == {"ok": False, "error": "it is warm"}
    assert group.order({"order": "settle"}) == {"ok": False, "error": "it is warm"}


def test_a_worker_that_does_not_obey_yet_counts_as_a_connection(serving: Group) -> None:
    serving.order({"order": "hold"})
    assert serving.order({"order": "status"})["connections"] == 2
    obey(serving, 0)
    assert serving.order({"order": "status"})["connections"] == 1
    obey(serving, 1)
    assert serving.order({"order": "status"})["connections"] == 0


def test_obeying_an_earlier_hold_is_not_enough(serving: Group) -> None:
    serving.order({"order": "hold"})
    obey(serving, 0, 1)
    assert ordered(serving, "accept", "hold") == [True, True]
    assert serving.order({"order": "status"})["connections"] == 2


def test_counts_are_those_of_the_workers_that_live(serving: Group) -> None:
    for number, (connections, active, idle) in enumerate([(5, 2, 3), (0, 1, 0), (9, 9, 9)]):
        cells = serving.board.row(number).cells
        cells[Row.CONNECTIONS], cells[Row.ACTIVE], cells[Row.IDLE] = connections, active, idle
        cells[Row.REQUESTS] = 100
    serving.board.row(1).cells[Row.OLDEST] = int((time.perf_counter() - 5) * 1e6)
    status = serving.order({"order": "status"})
    names = ("connections", "active", "idle", "requests", "tasks")
    assert [status[name] for name in names] == [6, 3, 3, 300, 0]
    assert 5 <= status["oldest_seconds"] < 60


def test_a_close_outlasts_what_it_closed_only_while_nothing_new_is_wanted(serving: Group) -> None:
    assert ordered(serving, "close") == [True]
    assert (serving.board.closes, serving.board.ending) == (1, False)
    assert ordered(serving, "hold", "close") == [True, True]
    assert (serving.board.closes, serving.board.ending) == (2, True)
    assert ordered(serving, "accept") == [True]
    assert serving.board.ending is False


def test_nothing_is_ordered_of_an_app_that_is_not_there(group: Group) -> None:
    for order in ("accept", "settle", "hold", "quiesce", "probe", "close"):
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
