"""Watching while something is broken: a load with its ledger, and who takes writes.

A thread with a loop of its own, so that whoever breaks and mends waits for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tenfold.drills.judging import Led, Request
from tenfold.drills.writing import Writer
from tenfold.errors import LoadError, TenfoldError
from tenfold.failover.asking import Address, ServersAsked
from tenfold.load.client import At
from tenfold.load.engine import Ended
from tenfold.load.ledger import Ledger
from tenfold.load.loop import new_loop
from tenfold.load.plan import LoadPlan
from tenfold.load.run import run_load

MOST_SECONDS = 3600.0
"""No drill lasts for longer."""
PATIENCE_SECONDS = 90.0
"""For how long a request is waited for: somebody who waits is not to be counted as failed."""
MOST_IN_FLIGHT = 4096
_LOOK_SECONDS = 0.05
# A server that is cut off lets no question be taken back: that is what is watched, not news.
logging.getLogger("psycopg").addHandler(logging.NullHandler())
_DRAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Site:
    """What is watched. ``servers`` are the databases by host, ``writer`` is who writes by SQL where
    the load itself does not."""

    url: str
    at: At
    servers: Mapping[str, Address]
    ledger: Path
    writer: Writer | None = None


@dataclass(slots=True)
class _Sightings:
    requests: list[Request] = field(default_factory=list)
    led: list[Led] = field(default_factory=list)


class Watch:
    """Begins when it is entered, ends when it is left.

    Attributes:
        requests: every one that has ended.
        led: who took writes, each time that changed.
        until: when the last request was sent, once that is over.
    """

    def __init__(self, plan: LoadPlan, site: Site) -> None:
        self._plan = replace(
            plan,
            duration_seconds=MOST_SECONDS,
            ramp_seconds=0.0,
            timeout_seconds=max(plan.timeout_seconds, PATIENCE_SECONDS),
            max_in_flight=max(plan.max_in_flight, MOST_IN_FLIGHT),
        )
        self._site = site
        self._seen = _Sightings()
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="drill watch", daemon=True)
        self.until = 0.0

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every one so far."""
        return tuple(self._seen.requests)

    @property
    def led(self) -> tuple[Led, ...]:
        """Everybody so far."""
        return tuple(self._seen.led)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Send nothing more, and wait for the answers to what was sent."""
        self.until = self.until or time.time()
        self._ended.set()
        self._thread.join(PATIENCE_SECONDS)

    def check(self) -> None:
        """See that it goes on. Raises ``LoadError`` with what it failed with."""
        if isinstance(self._failure, TenfoldError):
            raise self._failure
        if self._failure is not None:
            raise LoadError(f"the load of the drill broke off: {self._failure!r}")

    def written_since(self, moment: float) -> int:
        """How many writes were acknowledged since; requests, where nobody writes."""
        writes = self._plan.keeps_ledger or self._site.writer is not None
        return sum(
            r.failure is None and r.ended > moment and r.sent > moment and (r.write or not writes)
            for r in self.requests
        )

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(self._watch())
        except BaseException as failure:  # noqa: BLE001 - the main thread is told by check()
            self._failure = failure

    async def _watch(self) -> None:
        stop = asyncio.Event()
        asked = ServersAsked(self._site.servers)
        tasks = [
            asyncio.create_task(self._until_ended(stop)),
            asyncio.create_task(self._look(asked, stop)),
            asyncio.create_task(self._make_load(stop)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asked.close()

    async def _until_ended(self, stop: asyncio.Event) -> None:
        while not self._ended.is_set():
            await asyncio.sleep(_LOOK_SECONDS)
        stop.set()

    async def _look(self, asked: ServersAsked, stop: asyncio.Event) -> None:
        while not stop.is_set():
            now = tuple(
                sorted((host, s.timeline) for host, s in asked.seen().items() if s.kind == "leads")
            )
            if not self._seen.led or self._seen.led[-1].leaders != now:
                self._seen.led.append(Led(time.time(), now))
            await asked.changed(_LOOK_SECONDS)

    async def _make_load(self, stop: asyncio.Event) -> None:
        with contextlib.ExitStack() as stack:
            ledger = None
            if self._plan.keeps_ledger or self._site.writer is not None:
                ledger = stack.enter_context(Ledger(self._site.ledger, self._plan.run_id))
            own = ledger if self._site.writer is None else None
            load = run_load(
                self._plan,
                self._site.url,
                ledger=own,
                on_request=self._note,
                stop=stop,
                at=self._site.at,
                drain_seconds=_DRAIN_SECONDS,
                clock=time.time,
            )
            writer = self._site.writer
            if writer is None or ledger is None:
                await load
            else:
                await asyncio.gather(load, writer.write(ledger, stop, self._seen.requests.append))

    def _note(self, ended: Ended) -> None:
        self._seen.requests.append(Request(ended.sent, ended.finished, ended.writes, ended.failure))
