"""The book of runs: a slot is in it once, what was begun stays, old runs go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tenfold.jobs.book import KEEP, Book
from tenfold.jobs.config import Job
from tenfold.jobs.report import lines
from tenfold.jobs.schedule import Schedule

JOB = Job("nightly", ("true",), Schedule(3600.0), False, "run-once", 60.0, 10.0)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = Book(tmp_path)
    made.declare([JOB], 1000.0)
    return made


def begin(book: Book, slot: float, now: float = 5000.0) -> int | None:
    return book.begin("nightly", slot, now, release="r1", mark="m")


def test_a_slot_is_run_once_whoever_asks_again(book: Book, tmp_path: Path) -> None:
    run = begin(book, 3600.0)
    assert run is not None
    assert begin(Book(tmp_path), 3600.0) is None
    assert book.last("nightly") == 3600.0
    assert [r.id for r in book.open()] == [run]


def test_a_slot_that_was_missed_is_not_run_either(book: Book) -> None:
    book.miss("nightly", 3600.0, 3, 9000.0, "left out")
    book.miss("nightly", 3600.0, 3, 9000.0, "left out")
    assert begin(book, 3600.0) is None
    (found,) = book.history("nightly", 10)
    assert (found.outcome, found.missed, found.slot) == ("missed", 3, 3600.0)


def test_what_ended_has_ended_once(book: Book) -> None:
    run = begin(book, 3600.0)
    assert run is not None
    book.end(run, "failed", 5010.0, seconds=10.0, code=3, note="because")
    book.end(run, "cut off", 6000.0)
    found = book.run(run)
    assert found is not None
    assert (found.outcome, found.code, found.seconds, found.note) == ("failed", 3, 10.0, "because")
    assert book.open() == ()


def test_another_schedule_owes_nothing_from_before_and_the_same_one_does(book: Book) -> None:
    book.declare([replace(JOB, timeout_seconds=5.0)], 9000.0)
    assert book.last("nightly") == 1000.0
    book.declare([replace(JOB, schedule=Schedule(60.0))], 9000.0)
    assert book.last("nightly") == 9000.0


def test_a_job_that_is_gone_is_not_kept_and_begins_anew(book: Book) -> None:
    begin(book, 3600.0)
    book.declare([], 9000.0)
    assert book.jobs() == ()
    book.declare([JOB], 9500.0)
    assert book.last("nightly") == 9500.0
    assert len(book.history("nightly", 10)) == 1


def test_old_runs_are_forgotten_and_none_that_goes_on(book: Book) -> None:
    first = begin(book, 3600.0)
    assert first is not None
    for number in range(2, KEEP + 20):
        run = begin(book, 3600.0 * number)
        assert run is not None
        book.end(run, "done", 0.0)
    found = book.history("nightly", 1000)
    assert len(found) == KEEP + 1
    assert [r.id for r in book.open()] == [first]


def test_a_request_becomes_one_run_or_is_withdrawn(book: Book) -> None:
    first, second = book.ask("nightly", "anna", 1.0), book.ask("nightly", "ben", 2.0)
    requests = book.requests()
    assert [r.by for r in requests] == ["anna", "ben"]
    run = book.take_up(requests[0], 3.0, release="r1", mark="m")
    assert run is not None
    assert book.take_up(requests[0], 3.0, release="r1", mark="m") is None
    assert not book.withdraw(first)
    assert book.withdraw(second)
    assert book.take_up(requests[1], 3.0, release="r1", mark="m") is None
    found = book.run(run)
    assert found is not None
    assert (found.slot, found.by) == (None, "anna")
    assert book.last("nightly") == 1000.0, "it takes nobody's turn"


def test_the_report_tells_what_went_wrong_in_a_row_and_what_was_missed(book: Book) -> None:
    for number, outcome in enumerate(["done", "failed", "timed out"], 1):
        run = begin(book, 3600.0 * number)
        assert run is not None
        book.end(run, outcome, 0.0)  # type: ignore[arg-type]
    book.miss("nightly", 3600.0 * 6, 3, 0.0, "left out")
    goes_on = begin(book, 3600.0 * 7)
    (told,) = lines(book)
    assert told["name"] == "nightly"
    assert told["bad_runs"] == 2
    assert told["previous"]["outcome"] == "timed out"
    assert [r["id"] for r in told["running"]] == [goes_on]
    assert told["missed"] == 0, "a run has begun since"
    book.miss("nightly", 3600.0 * 8, 1, 0.0, "left out")
    (told,) = lines(book)
    assert (told["missed"], told["missed_at"]) == (1, 3600.0 * 8)
