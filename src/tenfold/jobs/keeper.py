"""The scheduler's life: look what is due, write it down, run it, write down what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tenfold.agent import logs
from tenfold.agent.diary import say
from tenfold.agent.store import replace_file
from tenfold.etcd.faults import EtcdError
from tenfold.jobs import marks, running
from tenfold.jobs.book import Book, Request
from tenfold.jobs.config import Config, Job, Turns
from tenfold.jobs.outputs import forget_outputs, output_of
from tenfold.jobs.report import FILE, lines
from tenfold.jobs.schedule import SET_BACK_SECONDS, due, next_slot
from tenfold.jobs.turn import Alone, Shared, Turn

LOOK_EVERY_SECONDS = 1.0
"""The clock may be set meanwhile, and a machine may have slept."""
SHORTEST_SECONDS = 0.01
STALE_SECONDS = 600.0
"""Whoever asked for a run so long ago does not wait for it any more."""
MAX_AT_ONCE = 10
"""Runs of one job that may overlap."""
ELSEWHERE_SECONDS = 5.0
"""Besides its ``grace``, a host that lost the turn may take to end a run: it looks every second,
is kept from that by etcd for two, and clocks of hosts are apart a little."""
OUTPUT_BYTES = 10 << 20
READY = "ready"


@dataclass
class Keeper:
    """Keeps the jobs of one release.

    Args:
        config: what to keep.
        folder: where the book and the outputs are.
        now: the clock, in seconds since the epoch.
        turn: whether it is ours to keep the schedule.
    """

    config: Config
    folder: Path
    now: Callable[[], float] = time.time
    turn: Turn = field(default_factory=Alone)
    _tasks: dict[Path, asyncio.Task[None]] = field(default_factory=dict)
    _under_way: Counter[str] = field(default_factory=Counter)
    _between: dict[str, tuple[float, float]] = field(default_factory=dict)
    _fault: str | None = None
    _term: int | None = 0
    _alone: dict[str, tuple[Job, float, asyncio.Event]] = field(default_factory=dict)
    """The runs under way of jobs that must not overlap, by their marks: when each began, and what
    ends it."""
    _over: dict[str, str] = field(default_factory=dict)
    """Marks of runs that have ended, and others were not told, with their jobs."""
    _elsewhere: dict[str, float] = field(default_factory=dict)
    """Jobs that another host may still be at, and since when that may begin to end."""
    _waiting: dict[str, float] = field(default_factory=dict)
    """Those of them whose time has come, and since when this host waits."""

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._book = Book(self.folder)

    async def keep(self, leaving: asyncio.Event) -> None:
        """Keep them until ``leaving`` is set, then until what has begun has ended."""
        self._note_cut_off()
        self._book.declare(self.config.jobs, self.now())
        self._tell()
        (self.folder / READY).touch()
        say(f"keeps {', '.join(j.name for j in self.config.jobs)}")
        while not leaving.is_set():
            self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience()):
                    await leaving.wait()
        if self._tasks:
            say(f"begins nothing more, and waits for {_names(self._under_way)}")
            left = asyncio.gather(*self._tasks.values())
            while not left.done():
                with contextlib.suppress(sqlite3.Error, OSError):  # looked up again in a moment
                    self._end_what_another_may_begin()
                await asyncio.wait([left], timeout=LOOK_EVERY_SECONDS)
            left.result()
        self._book.close()

    def look(self) -> None:
        """Begin what is due and what was asked for. What the disk does not take is tried again."""
        try:
            self._take_turn()
            self._end_what_another_may_begin()
            requests = self._book.requests()
            for job in self.config.jobs:
                self._look_at(job, [r for r in requests if r.job == job.name])
            self._trim()
            self._fault = None
        except (sqlite3.Error, OSError) as fault:
            if self._fault != str(fault):
                say(f"nothing can be written down, so nothing is begun: {fault}")
            self._fault = str(fault)
        except EtcdError as fault:
            if self._fault != fault.what:
                say(f"nobody can be told what is dealt with, so nothing is begun: {fault.what}")
            self._fault = fault.what

    def _take_turn(self) -> None:
        """Begin where the host before us had come to."""
        term = self.turn.term()
        changes = term != self._term
        if term is not None and changes:
            dealt = self.turn.dealt()
            for job in self.config.jobs:
                if dealt.get(job.name, 0.0) > self._book.last(job.name):
                    self._book.move(job.name, dealt[job.name])
            self._elsewhere = dict.fromkeys(self._under_way_elsewhere(), self.now())
            self._waiting.clear()
            self._between.clear()
        self._term = term
        if changes:
            self._tell()
        for mark in list(self._over) if term is not None else ():
            self.turn.ended(self._over[mark], mark)
            del self._over[mark]

    def _under_way_elsewhere(self) -> set[str]:
        ours = {*self._over, *self._alone}
        return {name for name, mark in self.turn.under_way().items() if mark not in ours}

    def _is_elsewhere(self, job: Job, now: float) -> bool:
        """Whether a host that lost the turn may still be at this job, whose time has come: it ends
        it when it learns of both."""
        since = self._elsewhere.get(job.name)
        if since is None:
            return False
        due_at = next_slot(job.schedule, self._book.last(job.name))
        ends_at = max(since, due_at) + job.grace_seconds + ELSEWHERE_SECONDS
        if now < ends_at and job.name in self._under_way_elsewhere():
            self._waiting.setdefault(job.name, now)
            return True
        del self._elsewhere[job.name]
        return False

    def _end_what_another_may_begin(self) -> None:
        """Where it is not our turn, as soon as it is time for the job again: not before, for the
        whole of etcd may be gone, and nobody else at it. Nor does this host's book move then, so
        times that went by before a run that was asked for are not the one that ends it."""
        if self.turn.term() is not None:
            return
        for job, began, over in self._alone.values():
            if self.now() >= next_slot(job.schedule, max(self._book.last(job.name), began)):
                over.set()

    def _look_at(self, job: Job, requests: list[Request]) -> None:
        now = self.now()
        for request in requests:
            if now - request.asked > STALE_SECONDS:
                self._book.withdraw(request.id)
            elif self._may_begin(job):
                self._take_up(job, request, now)
        last, following = self._between.get(job.name, (0.0, 0.0))
        if self._term is None:
            return
        if self._may_begin(job) and not last - SET_BACK_SECONDS <= now < following:
            self._what_is_due(job, now)

    def _what_is_due(self, job: Job, now: float) -> None:
        last = self._book.last(job.name)
        found = due(job.schedule, job.missed, last, now, self._waiting.get(job.name))
        if found.slot is not None and self._is_elsewhere(job, now):
            self._between.pop(job.name, None)
            return
        mark = secrets.token_hex(8)
        runs = None if found.slot is None or job.overlap else mark
        if found.last != last and not self.turn.claim(job.name, found.last, runs):
            return
        if found.set_back:
            say(f"{job.name}: the clock was set back to before {_at(last)}; goes by it from now on")
            self._book.move(job.name, found.last)
        if found.newest_missed is not None:
            self._miss(job, found.newest_missed, found.missed, now)
        if found.slot is not None:
            self._begin(job, found.slot, now, mark)
        elif found.last != last:
            self._book.move(job.name, found.last)
        self._waiting.pop(job.name, None)
        self._between[job.name] = found.last, next_slot(job.schedule, found.last)

    def _may_begin(self, job: Job) -> bool:
        return self._under_way[job.name] < (MAX_AT_ONCE if job.overlap else 1)

    def _miss(self, job: Job, slot: float, count: int, now: float) -> None:
        many = f"{count} times, the last of them {_at(slot)}," if count > 1 else _at(slot)
        made_up = "a run makes up for it" if job.missed == "run-once" else "left out, as configured"
        say(f"{job.name}: {many} went by without a run: {made_up}")
        self._book.miss(job.name, slot, count, now, made_up)
        self._tell()

    def _begin(self, job: Job, slot: float, now: float, mark: str) -> None:
        run = self._book.begin(job.name, slot, now, release=self.config.release, mark=mark)
        if run is None:
            say(f"{job.name}: {_at(slot)} was dealt with before, so it is not run again")
            return
        say(f"{job.name}: run {run} begins, for {_at(slot)}")
        self._start(job, run, slot, mark, now)

    def _take_up(self, job: Job, request: Request, now: float) -> None:
        mark = secrets.token_hex(8)
        if not job.overlap:
            self.turn.begins(job.name, mark)
        run = self._book.take_up(request, now, release=self.config.release, mark=mark)
        if run is not None:
            self._waiting.pop(job.name, None)  # what comes now is late on account of this run
            say(f"{job.name}: run {run} begins, asked for by {request.by}")
            self._start(job, run, None, mark, now)

    def _start(self, job: Job, run: int, slot: float | None, mark: str, now: float) -> None:
        self._under_way[job.name] += 1
        output = output_of(self.folder, job.name, run)
        environ = running.environment(os.environ, job, slot, mark)
        over = asyncio.Event()
        if not job.overlap:
            self._alone[mark] = job, now, over
        work = self._see_through(job, run, environ, output, over)
        self._tasks[output] = asyncio.create_task(work, name=f"run {run}")
        self._tell()

    async def _see_through(
        self,
        job: Job,
        run: int,
        environ: Mapping[str, str],
        output: Path,
        over: asyncio.Event,
    ) -> None:
        ended = await running.run(job, environ, output, over)
        why = f": {ended.note}" if ended.note else ""
        say(f"{job.name}: run {run} {ended.outcome} after {ended.seconds:.1f} s{why}")
        await self._write_down(job, run, ended)
        self._tell_of_the_end(job, environ[marks.VARIABLE])
        self._under_way[job.name] -= 1
        del self._tasks[output]
        self._tell()

    def _tell_of_the_end(self, job: Job, mark: str) -> None:
        """Whoever has the turn next waits for a run that nobody says is over."""
        if self._alone.pop(mark, None) is None:
            return
        try:
            self.turn.ended(job.name, mark)
        except EtcdError:
            self._over[mark] = job.name

    async def _write_down(self, job: Job, run: int, ended: running.Ended) -> None:
        """On a full disk again and again: what is under way there must not look as if it went on.

        A scheduler that is ended meanwhile leaves it to its successor, as cut off.
        """
        while True:
            try:
                self._book.end(
                    run,
                    ended.outcome,
                    self.now(),
                    seconds=ended.seconds,
                    code=ended.code,
                    note=ended.note,
                )
                forget_outputs(self.folder, job.name)
            except (sqlite3.Error, OSError) as fault:
                say(f"{job.name}: the end of run {run} cannot be written down yet: {fault}")
                await asyncio.sleep(LOOK_EVERY_SECONDS)
            else:
                return

    def _note_cut_off(self) -> None:
        """Whoever kept the jobs before was killed in the middle of these."""
        for run in self._book.open():
            if run.mark is not None:
                marks.kill(run.mark)
                self._over[run.mark] = run.job
            say(f"{run.job}: run {run.id} was cut off")
            self._book.end(run.id, "cut off", self.now(), note="what ran it was killed")

    def _tell(self) -> None:
        """Have whoever looks know; it is no reason to stop when the disk does not take it."""
        keeps = self.turn.term() is not None
        told = "".join(f"{json.dumps(line)}\n" for line in lines(self._book, keeps=keeps))
        with contextlib.suppress(OSError):
            replace_file(self.folder / FILE, told.encode(), 0o600, durable=False)

    def _trim(self) -> None:
        for output in self._tasks:
            logs.rotate_if_due(output, OUTPUT_BYTES, kept=1)

    def _patience(self) -> float:
        """Until the next slot of a job that may begin, or until it is time to look anyway."""
        now = self.now()
        left = [
            self._between[job.name][1] - now
            for job in self.config.jobs
            if job.name in self._between and self._may_begin(job)
        ]
        return min([LOOK_EVERY_SECONDS, *(max(seconds, SHORTEST_SECONDS) for seconds in left)])


def keep(config: Config, folder: Path, turns: Turns | None = None) -> None:
    """Keep them until SIGTERM, then until what has begun has ended; with ``turns``, in turn with
    other hosts."""
    if turns is None:
        asyncio.run(_keep(config, folder, Alone()))
        return
    with Shared(turns) as turn:
        asyncio.run(_keep(config, folder, turn))


async def _keep(config: Config, folder: Path, turn: Turn) -> None:
    leaving = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leaving.set)
    await Keeper(config, folder, turn=turn).keep(leaving)


def _at(slot: float) -> str:
    return datetime.fromtimestamp(slot, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _names(under_way: Counter[str]) -> str:
    return ", ".join(sorted(name for name, count in under_way.items() if count))
