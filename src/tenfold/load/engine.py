"""The open loop: send each request when it is due, whatever became of those before it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import JsonValue

from tenfold.load.answer import Answer
from tenfold.load.arrivals import Arrival, schedule
from tenfold.load.client import Client, Clock
from tenfold.load.compose import compose
from tenfold.load.counts import milliseconds
from tenfold.load.ids import write_id
from tenfold.load.ledger import Ledger, Outcome
from tenfold.load.plan import LoadPlan, RequestPlan
from tenfold.load.report import Second
from tenfold.load.tally import Tally
from tenfold.load.template import Choose

_NAP_SECONDS = 0.1  # how soon a stop is noticed between two requests
_PROGRESS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is, once a second. `last_second` is the last one that is over.

    `acknowledged` counts writes whose acknowledgement is on disk; None without a ledger.
    """

    elapsed_seconds: float
    duration_seconds: float
    due: int
    succeeded: int
    failed: int
    in_flight: int
    last_second: Second
    acknowledged: int | None
    longest_stall_ms: float


@dataclass(frozen=True, slots=True)
class Ended:
    """One request that is over. `due`, `sent` and `finished` are on the load's clock itself.

    `failure` is its kind, None for one that succeeded; `writes` as in its plan.
    """

    due: float
    sent: float
    finished: float
    writes: bool
    failure: str | None


@dataclass(slots=True)
class Run:
    """One load under way. Times are seconds since it began, on `clock`."""

    plan: LoadPlan
    client: Client
    captured: dict[str, JsonValue]
    choose: Choose
    ledger: Ledger | None
    stop: asyncio.Event
    clock: Clock
    drain_seconds: float
    on_request: Callable[[Ended], None] | None = None
    tally: Tally = field(init=False)
    most_in_flight: int = 0
    cpu_share: float = 0.0
    sent_for: float = 0.0
    _began: float = 0.0
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _broken: BaseException | None = None

    def __post_init__(self) -> None:
        self.tally = Tally(self.plan.requests)

    async def to_the_end(self, on_progress: Callable[[Progress], None] | None) -> None:
        """Send everything that is due, then wait for the answers."""
        self._began = self.clock()
        watcher = asyncio.create_task(self._tell(on_progress)) if on_progress else None
        try:
            await self._send_all()
            await self._drain()
        finally:
            await cancelled({*self._tasks, *([watcher] if watcher else [])})
        if self._broken is not None:
            raise self._broken

    async def _send_all(self) -> None:
        cpu_before, began = time.process_time(), self.now()
        for arrival in _arrivals(self.plan):
            await self._wait_until(arrival.at)
            if self._over():
                break
            self._begin(arrival)
        self.sent_for = max(1e-9, self.now() - began)
        self.cpu_share = (time.process_time() - cpu_before) / self.sent_for

    async def _wait_until(self, due: float) -> None:
        """Sleep until `due`, or until the load is over; always lets the other tasks run."""
        if due <= self.now():
            await asyncio.sleep(0)
        while (remaining := due - self.now()) > 0 and not self._over():
            await asyncio.sleep(min(remaining, _NAP_SECONDS))

    def _over(self) -> bool:
        return self.stop.is_set() or self._broken is not None

    def _begin(self, arrival: Arrival) -> None:
        if len(self._tasks) >= self.plan.max_in_flight:
            self.tally.not_sent(arrival.kind, arrival.at, self.now())
            return
        task = asyncio.create_task(self._request(arrival))
        self._tasks.add(task)
        self.most_in_flight = max(self.most_in_flight, len(self._tasks))
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = self._broken or error

    async def _request(self, arrival: Arrival) -> None:
        request = self.plan.requests[arrival.kind]
        n = next(self._numbers)
        one = write_id(self.plan.run_id, n)
        values = {**self.captured, "id": one, "n": n, "run": self.plan.run_id}
        prepared = compose(request, values, self.choose)
        ledger = self.ledger if request.ledger else None
        if ledger is not None:
            ledger.intend(one)
        sent = self.now()
        self.tally.sent(arrival.kind, arrival.at, sent)
        try:
            answer = await self.client.send(
                prepared, timeout_seconds=self.plan.timeout_seconds + request.slow_seconds
            )
        except asyncio.CancelledError:
            self.tally.unfinished(arrival.kind, arrival.at)
            raise
        answer = replace(answer, finished=answer.finished - self._began)
        succeeded = self.tally.answered(arrival.kind, arrival.at, sent, answer)
        if self.on_request is not None:
            failure = None if succeeded else _kind_of(answer)
            began, finished = self._began, self._began + answer.finished
            due = began + arrival.at
            self.on_request(Ended(due, began + sent, finished, request.writes, failure))
        if ledger is not None:
            ledger.settle(one, outcome_of(request, answer.status), answer.status)

    async def _drain(self) -> None:
        """Wait for the answers: each has its timeout, and after a stop there is little patience."""
        patience_ends: float | None = None
        while self._tasks:
            if patience_ends is None and self._over():
                patience_ends = self.now() + self.drain_seconds
            if patience_ends is not None and self.now() > patience_ends:
                return
            await asyncio.wait(self._tasks, timeout=_NAP_SECONDS)

    async def _tell(self, on_progress: Callable[[Progress], None]) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            on_progress(self._progress())

    def _progress(self) -> Progress:
        now, overall = self.now(), self.tally.overall
        return Progress(
            elapsed_seconds=now,
            duration_seconds=self.plan.duration_seconds,
            due=overall.due,
            succeeded=overall.latency.count,
            failed=overall.failed,
            in_flight=len(self._tasks),
            last_second=self.tally.second(max(0, int(now) - 1)),
            acknowledged=None if self.ledger is None else self.ledger.acknowledged,
            longest_stall_ms=milliseconds(self.tally.stalls.longest),
        )

    def now(self) -> float:
        """Seconds since the load began."""
        return self.clock() - self._began


def _kind_of(answer: Answer) -> str:
    return answer.failure.kind if answer.failure is not None else f"status {answer.status}"


def outcome_of(request: RequestPlan, status: int | None) -> Outcome:
    """What an answer means for the ledger.

    Acknowledged: 2xx, or the redirect that `expect` names (a form that answers with 303). Refused:
    4xx. Anything else may have been applied or not.
    """
    if status is None:
        return "unknown"
    if 200 <= status < 300 or (300 <= status < 400 and status in request.expect):
        return "acknowledged"
    return "refused" if 400 <= status < 500 else "unknown"


def _arrivals(plan: LoadPlan) -> Iterator[Arrival]:
    return schedule(
        rate=plan.rate,
        duration_seconds=plan.duration_seconds,
        ramp_seconds=plan.ramp_seconds,
        spacing=plan.arrivals,
        weights=[request.weight for request in plan.requests],
        seed=plan.seed,
    )


async def cancelled(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
