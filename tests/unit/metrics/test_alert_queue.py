from __future__ import annotations

import json
from typing import Any

from tenfold.metrics.alerts import queue
from tenfold.metrics.alerts.queue import GIVE_UP_SECONDS, MAX_WAITING, Queue, delay_seconds


def message(id: str, state: str = "firing") -> dict[str, Any]:
    return {"id": id, "state": state, "text": id}


def test_what_arrived_is_told_once() -> None:
    waiting = Queue().put([message("a")], ["webhook"], 0.0)
    first = waiting.due(0.0)
    assert first is not None
    done = waiting.tried(first, None, 1.0)
    assert done.due(10.0) is None
    assert [one["why"] for one in done.done] == [None]


def test_over_never_comes_before_what_it_ends() -> None:
    waiting = Queue().put([message("a")], ["webhook"], 0.0)
    first = waiting.due(0.0)
    assert first is not None
    waiting = waiting.tried(first, "it answered 500", 0.0)
    waiting = waiting.put([message("a", "resolved")], ["webhook"], 1.0)
    assert waiting.due(1.0) is None
    again = waiting.due(6.0)
    assert again is not None
    assert again.message["state"] == "firing"


def test_a_place_that_is_down_does_not_hold_up_the_other() -> None:
    waiting = Queue().put([message("a")], ["webhook", "command"], 0.0)
    first = waiting.due(0.0)
    assert first is not None
    waiting = waiting.tried(first, "no", 0.0)
    other = waiting.due(0.0)
    assert other is not None
    assert other.to == "command"


def test_tries_come_later_and_later_and_end_after_a_day() -> None:
    waiting = Queue().put([message("a")], ["webhook"], 0.0)
    now, tries = 0.0, 0
    while waiting.waiting:
        now = waiting.waiting[0].due
        delivery = waiting.due(now)
        assert delivery is not None
        waiting = waiting.tried(delivery, "no", now)
        tries += 1
    assert GIVE_UP_SECONDS <= now < GIVE_UP_SECONDS + 1000
    assert 90 < tries < 120
    assert waiting.lost == 1
    assert waiting.done[0]["why"] == "no"
    assert [delay_seconds(n) for n in (1, 2, 3, 50)] == [5.0, 10.0, 20.0, 900.0]


def test_it_is_bounded_and_says_what_is_lost() -> None:
    waiting = Queue()
    for number in range(MAX_WAITING + 20):
        waiting = waiting.put([message(str(number))], ["webhook"], float(number))
    assert len(waiting.waiting) == MAX_WAITING
    assert waiting.lost == 20
    assert waiting.waiting[0].message["id"] == "20"


def test_it_is_the_same_after_it_was_written() -> None:
    waiting = Queue().put([message("a"), message("b")], ["webhook", "command"], 5.0)
    first = waiting.due(5.0)
    assert first is not None
    waiting = waiting.tried(first, "no", 6.0)
    assert queue.from_json(json.loads(json.dumps(waiting.to_json()))) == waiting


def test_a_test_comes_first() -> None:
    waiting = Queue().put([message("a")], ["webhook"], 0.0)
    test = Queue().put([message("t", "test")], ["webhook"], 9.0)
    first = queue.ahead(test, waiting).due(9.0)
    assert first is not None
    assert first.message["state"] == "test"
