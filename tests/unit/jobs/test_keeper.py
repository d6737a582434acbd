"""The scheduler with a clock that the test sets, and real processes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tenfold.etcd import EtcdError
from tenfold.jobs import keeper
from tenfold.jobs.book import Book, Run
from tenfold.jobs.config import Config, Job
from tenfold.jobs.keeper import ELSEWHERE_SECONDS, MAX_AT_ONCE, Keeper
from tenfold.jobs.schedule import Missed, Schedule
from tenfold.jobs.turn import Alone, Turn

HOUR = 3600.0
NOON = 12 * HOUR


class Clock:
    def __init__(self) -> None:
        self.now = NOON + 60.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(keeper, "LOOK_EVERY_SECONDS", 0.02)
    return Clock()


def job(
    line: str = "echo $TENFOLD_SLOT",
    *,
    overlap: bool = False,
    missed: Missed = "run-once",
    timeout: float = 30.0,
    grace: float = 1.0,
) -> Job:
    return Job("hourly", ("sh", "-c", line), Schedule(HOUR), overlap, missed, timeout, grace)


@dataclass
class Etcd:
    """What two hosts put down, whose turn it is, and whom it does not answer."""

    holder: str = "app1"
    silent_to: set[str] = field(default_factory=set)
    dealt: dict[str, float] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)


@dataclass
class Half:
    """A turn of one of them."""

    etcd: Etcd
    name: str

    def _require(self) -> None:
        if self.name in self.etcd.silent_to:
            raise EtcdError("silent", "nobody answers")

    def term(self) -> int | None:
        return 1 if self.etcd.holder == self.name else None

    def dealt(self) -> dict[str, float]:
        return self.etcd.dealt

    def claim(self, job: str, slot: float, mark: str | None = None) -> bool:
        self._require()
        self.etcd.dealt[job] = slot
        if mark is not None:
            self.etcd.running[job] = mark
        return True

    def begins(self, job: str, mark: str) -> None:
        self._require()
        if self.term() is not None:
            self.etcd.running[job] = mark

    def ended(self, job: str, mark: str) -> None:
        self._require()
        if self.etcd.running.get(job) == mark:
            del self.etcd.running[job]

    def under_way(self) -> dict[str, str]:
        return self.etcd.running


@asynccontextmanager
async def kept(
    folder: Path, clock: Clock, *jobs: Job, turn: Turn | None = None
) -> AsyncIterator[Keeper]:
    """A scheduler at work; at the end it is told to finish, and does."""
    made = Keeper(Config("r1", jobs), folder, clock, turn or Alone())
    leaving = asyncio.Event()
    task = asyncio.create_task(made.keep(leaving))
    await until(lambda: task.done() or (folder / "ready").exists())
    try:
        yield made
    finally:
        leaving.set()
        await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], Any]) -> Any:
    async with asyncio.timeout(20):
        while not (found := condition()):
            await asyncio.sleep(0.01)
    return found


def runs(folder: Path) -> list[Run]:
    return list(reversed(Book(folder).history("hourly", 1000)))


def ended(folder: Path, count: int) -> Callable[[], bool]:
    return lambda: sum(r.outcome is not None for r in runs(folder)) >= count


async def looked(made: Keeper, times: int = 3) -> None:
    """It has looked so often since."""
    for _ in range(times):
        made.look()
        await asyncio.sleep(0)


async def test_each_slot_is_run_once_at_its_time(tmp_path: Path, clock: Clock) -> None:
    async with kept(tmp_path, clock, job()) as made:
        await looked(made)
        assert runs(tmp_path) == [], "nothing is owed from before"
        for hour in (13, 14):
            clock.now = hour * HOUR + 0.5
            await until(ended(tmp_path, hour - 12))
            await looked(made)
    found = runs(tmp_path)
    assert [(r.slot, r.outcome, r.code) for r in found] == [
        (13 * HOUR, "done", 0),
        (14 * HOUR, "done", 0),
    ]
    assert (tmp_path / "output/hourly" / f"{found[0].id}.log").read_text() == (
        "1970-01-01T13:00:00Z\n"
    )


async def test_a_run_that_goes_on_is_waited_for_and_made_up_for_once(
    tmp_path: Path, clock: Clock
) -> None:
    go = tmp_path / "go"
    line = f"while ! [ -e {go} ]; do sleep 0.02; done"
    async with kept(tmp_path, clock, job(line)) as made:
        clock.now = 13 * HOUR
        await until(lambda: runs(tmp_path))
        clock.now = 16 * HOUR + 600
        await looked(made)
        assert len(runs(tmp_path)) == 1, "two at once"
        go.touch()
        await until(ended(tmp_path, 3))
    assert [(r.slot, r.outcome, r.missed) for r in runs(tmp_path)] == [
        (13 * HOUR, "done", 0),
        (15 * HOUR, "missed", 2),
        (16 * HOUR, "done", 0),
    ]


async def test_what_was_missed_is_left_out_where_that_is_wanted_and_told(
    tmp_path: Path, clock: Clock
) -> None:
    async with kept(tmp_path, clock, job(missed="skip")):
        clock.now = 15 * HOUR + 600
        await until(lambda: runs(tmp_path))
        clock.now = 16 * HOUR
        await until(ended(tmp_path, 2))
    assert [(r.slot, r.outcome, r.missed) for r in runs(tmp_path)] == [
        (15 * HOUR, "missed", 3),
        (16 * HOUR, "done", 0),
    ]


async def test_runs_overlap_where_they_may_and_not_without_end(
    tmp_path: Path, clock: Clock
) -> None:
    go = tmp_path / "go"
    line = f"while ! [ -e {go} ]; do sleep 0.02; done"
    async with kept(tmp_path, clock, job(line, overlap=True)) as made:
        for hour in range(13, 13 + MAX_AT_ONCE + 2):
            clock.now = hour * HOUR
            made.look()
            await asyncio.sleep(0)
        assert len(Book(tmp_path).open()) == MAX_AT_ONCE
        go.touch()
    assert {r.outcome for r in runs(tmp_path)} <= {"done", "missed"}


async def test_told_to_finish_it_begins_nothing_and_waits_for_what_runs(
    tmp_path: Path, clock: Clock
) -> None:
    go = tmp_path / "go"
    line = f"while ! [ -e {go} ]; do sleep 0.02; done; exit 4"
    made, leaving = Keeper(Config("r1", (job(line),)), tmp_path, clock), asyncio.Event()
    task = asyncio.create_task(made.keep(leaving))
    await until(lambda: (tmp_path / "ready").exists())
    clock.now = 13 * HOUR
    await until(lambda: runs(tmp_path))
    leaving.set()
    clock.now = 14 * HOUR
    done, _ = await asyncio.wait((task,), timeout=0.3)
    assert not done
    go.touch()
    await asyncio.wait_for(task, 20)
    assert [(r.slot, r.outcome, r.code) for r in runs(tmp_path)] == [(13 * HOUR, "failed", 4)]
    async with kept(tmp_path, clock, job("true")):
        await until(ended(tmp_path, 2))
    assert [r.slot for r in runs(tmp_path)] == [13 * HOUR, 14 * HOUR]


async def test_what_was_cut_off_is_shown_ended_and_not_run_again(
    tmp_path: Path, clock: Clock
) -> None:
    book = Book(tmp_path)
    book.declare([job()], 12 * HOUR)
    run = book.begin("hourly", 13 * HOUR, 13 * HOUR, release="r1", mark="abcd")
    book.close()
    left = await asyncio.create_subprocess_exec(
        "sleep", "300", env={**os.environ, "TENFOLD_RUN": "abcd"}
    )
    clock.now = 13 * HOUR + 30
    async with kept(tmp_path, clock, job()) as made:
        await looked(made)
    await asyncio.wait_for(left.wait(), 10)
    (found,) = runs(tmp_path)
    assert (found.id, found.outcome) == (run, "cut off")
    (told,) = map(json.loads, (tmp_path / "report.jsonl").read_text().splitlines())
    assert (told["bad_runs"], told["previous"]["outcome"]) == (1, "cut off")


async def test_a_clock_that_is_set_back_runs_nothing_a_second_time(
    tmp_path: Path, clock: Clock
) -> None:
    async with kept(tmp_path, clock, job()) as made:
        for hour in (13, 14, 15):
            clock.now = hour * HOUR
            await until(ended(tmp_path, hour - 12))
        clock.now = 13 * HOUR - 60
        await looked(made)
        for hour in (13, 14, 15):
            clock.now = hour * HOUR + 1
            await looked(made)
        assert len(runs(tmp_path)) == 3
        clock.now = 16 * HOUR
        await until(ended(tmp_path, 4))
    assert [r.slot for r in runs(tmp_path)] == [h * HOUR for h in (13, 14, 15, 16)]


async def test_a_clock_that_jumps_ahead_by_years_makes_up_for_them_with_one_run(
    tmp_path: Path, clock: Clock
) -> None:
    async with kept(tmp_path, clock, job()) as made:
        clock.now += 10 * 366 * 24 * HOUR
        await until(ended(tmp_path, 2))
        await looked(made)
    missed, made_up = runs(tmp_path)
    assert (missed.outcome, missed.missed) == ("missed", 1000)
    assert (made_up.outcome, made_up.slot) == ("done", clock.now // HOUR * HOUR)


async def test_a_run_that_is_asked_for_takes_nobodys_turn(tmp_path: Path, clock: Clock) -> None:
    async with kept(tmp_path, clock, job()):
        book = Book(tmp_path)
        book.ask("hourly", "anna", clock.now)
        await until(ended(tmp_path, 1))
        clock.now = 13 * HOUR
        await until(ended(tmp_path, 2))
    assert [(r.slot, r.by) for r in runs(tmp_path)] == [(None, "anna"), (13 * HOUR, None)]


async def test_a_request_that_nobody_waits_for_any_more_is_dropped(
    tmp_path: Path, clock: Clock
) -> None:
    book = Book(tmp_path)
    book.ask("hourly", "anna", clock.now - 3600.0)
    async with kept(tmp_path, clock, job()):
        await until(lambda: not Book(tmp_path).requests())
    assert runs(tmp_path) == []


@asynccontextmanager
async def a_run_whose_host_loses_the_turn(
    folder: Path, clock: Clock, etcd: Etcd, *, overlap: bool = False
) -> AsyncIterator[Path]:
    """app1 is at the run of 13:00, app2 keeps the schedule from then on; gives what ends runs."""
    go = folder / "go"
    line = f"while ! [ -e {go} ]; do sleep 0.02; done"
    async with AsyncExitStack() as stack:
        for name in ("app1", "app2"):
            turn, wanted = Half(etcd, name), job(line, overlap=overlap)
            await stack.enter_async_context(kept(folder / name, clock, wanted, turn=turn))
        clock.now = 13 * HOUR
        await until(lambda: runs(folder / "app1"))
        etcd.silent_to, etcd.holder = {"app1"}, "app2"
        try:
            yield go
        finally:
            go.touch()


async def test_a_run_goes_on_without_the_turn_until_another_host_may_begin_it(
    tmp_path: Path, clock: Clock
) -> None:
    etcd = Etcd()
    async with a_run_whose_host_loses_the_turn(tmp_path, clock, etcd):
        clock.now = 14 * HOUR - 1
        await asyncio.sleep(0.2)  # no condition: that it is not ended is tested
        assert runs(tmp_path / "app1")[0].outcome is None
        clock.now = 14 * HOUR
        await until(ended(tmp_path / "app1", 1))
        (cut,) = runs(tmp_path / "app1")
        assert cut.outcome == "cut off"
        assert "another host may keep the schedule: it got SIGTERM" in (cut.note or "")
        clock.now = 14 * HOUR + 1.0 + ELSEWHERE_SECONDS - 0.1
        await asyncio.sleep(0.2)  # no condition: that nobody begins meanwhile is tested
        assert runs(tmp_path / "app2") == [], "app1 could not say that it is over"
        clock.now += 0.2
        await until(lambda: runs(tmp_path / "app2"))
    assert [(r.slot, r.outcome) for r in runs(tmp_path / "app2")] == [(14 * HOUR, "done")]


async def test_a_run_that_ends_without_the_turn_keeps_nobody_waiting(
    tmp_path: Path, clock: Clock
) -> None:
    etcd = Etcd()
    async with a_run_whose_host_loses_the_turn(tmp_path, clock, etcd) as go:
        etcd.silent_to = set()
        go.touch()
        await until(ended(tmp_path / "app1", 1))
        await until(lambda: not etcd.running)
        clock.now = 14 * HOUR
        await until(ended(tmp_path / "app2", 1))
    assert [r.outcome for r in (*runs(tmp_path / "app1"), *runs(tmp_path / "app2"))] == [
        "done",
        "done",
    ]


async def test_one_that_may_overlap_goes_on(tmp_path: Path, clock: Clock) -> None:
    async with a_run_whose_host_loses_the_turn(tmp_path, clock, Etcd(), overlap=True):
        clock.now = 14 * HOUR
        await until(lambda: runs(tmp_path / "app2"))
        assert runs(tmp_path / "app1")[0].outcome is None


async def test_a_run_whose_end_could_not_be_told_is_no_reason_to_wait_for_oneself(
    tmp_path: Path, clock: Clock
) -> None:
    etcd = Etcd()
    async with a_run_whose_host_loses_the_turn(tmp_path, clock, etcd) as go:
        go.touch()
        await until(ended(tmp_path / "app1", 1))
        assert etcd.running
        etcd.silent_to, etcd.holder = set(), "app1"
        await until(lambda: not etcd.running)
        clock.now = 14 * HOUR
        await until(ended(tmp_path / "app1", 2))


async def test_a_run_that_is_asked_for_where_nobody_keeps_the_schedule_goes_on_to_its_end(
    tmp_path: Path, clock: Clock
) -> None:
    go, etcd = tmp_path / "go", Etcd(holder="nobody")
    wanted = job(f"while ! [ -e {go} ]; do sleep 0.02; done")
    async with kept(tmp_path, clock, wanted, turn=Half(etcd, "app1")) as made:
        clock.now = 14 * HOUR + 60.0
        Book(tmp_path).ask("hourly", "anna", clock.now)
        await until(lambda: runs(tmp_path))
        clock.now = 15 * HOUR - 1.0
        await looked(made)
        go.touch()
        await until(ended(tmp_path, 1))
    (found,) = runs(tmp_path)
    assert (found.outcome, found.note) == ("done", None)


async def test_a_run_that_is_asked_for_without_the_turn_ends_at_the_next_time(
    tmp_path: Path, clock: Clock
) -> None:
    etcd = Etcd(holder="nobody")
    async with kept(tmp_path, clock, job("exec sleep 300"), turn=Half(etcd, "app1")):
        clock.now = 14 * HOUR + 60.0
        Book(tmp_path).ask("hourly", "anna", clock.now)
        await until(lambda: runs(tmp_path))
        clock.now = 15 * HOUR
        await until(ended(tmp_path, 1))
    assert [r.outcome for r in runs(tmp_path)] == ["cut off"]


@pytest.mark.parametrize(
    ("first_look", "expected"),
    [(14 * HOUR, (14 * HOUR, "done")), (14 * HOUR + 61.0, (14 * HOUR, "missed"))],
)
async def test_a_time_at_which_another_host_was_waited_for_is_late_by_the_first_look(
    tmp_path: Path, clock: Clock, first_look: float, expected: tuple[float, str]
) -> None:
    etcd = Etcd(running={"hourly": "of a host that died"}, dealt={"hourly": 13 * HOUR})
    wanted = job(missed="skip", grace=90.0)
    clock.now = 13 * HOUR + 60.0
    async with kept(tmp_path, clock, wanted, turn=Half(etcd, "app1")) as made:
        clock.now = first_look
        await looked(made)
        clock.now = max(first_look, 14 * HOUR + 90.0 + ELSEWHERE_SECONDS - 0.1)
        await looked(made)
        if expected[1] == "done":
            assert runs(tmp_path) == []
        clock.now = 14 * HOUR + 90.0 + ELSEWHERE_SECONDS
        await until(ended(tmp_path, 1))
    assert [(r.slot, r.outcome) for r in runs(tmp_path)] == [expected]
