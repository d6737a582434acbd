"""Counting while the load runs."""

from __future__ import annotations

from collections import defaultdict

from tenfold.load.answer import SATURATED, Answer, Failure
from tenfold.load.counts import (
    Counts,
    milliseconds,
    request_report,
    second_report,
)
from tenfold.load.histogram import Histogram
from tenfold.load.plan import RequestPlan
from tenfold.load.report import RequestReport, Second, WriteReport
from tenfold.load.stall import StallMeter


class Tally:
    """Everything counted in one load; all times are seconds since its start."""

    def __init__(self, requests: tuple[RequestPlan, ...]) -> None:
        self.requests = requests
        self.overall = Counts()
        self.by_kind = [Counts() for _ in requests]
        self.lateness = Histogram()
        self.stalls = StallMeter()
        self.write_latency = Histogram()
        self.last_end = 0.0
        self.kept_back = 0
        self._seconds: defaultdict[int, Counts] = defaultdict(Counts)

    def sent(self, kind: int, due: float, sent: float) -> None:
        """A request goes out, `sent - due` late."""
        for counts in self._counts(kind, due):
            counts.due += 1
        self.lateness.add(max(0.0, sent - due))
        if self._is_metered_write(kind):
            self.stalls.due(due)

    def not_sent(self, kind: int, due: float, now: float) -> None:
        """A request was kept back because too many were in flight."""
        self.kept_back += 1
        for counts in self._counts(kind, due):
            counts.due += 1
            counts.fail(SATURATED, due, now - due)
        if self._is_metered_write(kind):
            self.stalls.due(due)
            self.stalls.failed()

    def answered(self, kind: int, due: float, sent: float, answer: Answer) -> bool:
        """A request ended; whether it succeeded."""
        request = self.requests[kind]
        self.last_end = max(self.last_end, answer.finished)
        failure = _failure(request, answer)
        if failure is not None:
            for counts in self._counts(kind, due):
                counts.fail(failure, due, answer.finished - due)
            if self._is_metered_write(kind):
                self.stalls.failed()
            return False
        latency = max(0.0, answer.finished - due - request.slow_seconds)
        service = max(0.0, answer.finished - sent - request.slow_seconds)
        for counts in self._counts(kind, due):
            counts.latency.add(latency)
            counts.service.add(service)
        if self._is_metered_write(kind):
            self.stalls.acknowledged(answer.finished)
            self.write_latency.add(latency)
        return True

    def unfinished(self, kind: int, due: float) -> None:
        """The load was stopped before this request had its answer."""
        for counts in self._counts(kind, due):
            counts.unfinished += 1
        if self._is_metered_write(kind):
            self.stalls.failed()

    def _counts(self, kind: int, due: float) -> tuple[Counts, Counts, Counts]:
        return self.overall, self.by_kind[kind], self._seconds[int(due)]

    def _is_metered_write(self, kind: int) -> bool:
        request = self.requests[kind]
        return request.writes and not request.slow_seconds

    def request_reports(self) -> tuple[RequestReport, ...]:
        """One for every kind of request, in the order of the table."""
        return tuple(
            request_report(request.name, counts)
            for request, counts in zip(self.requests, self.by_kind, strict=True)
        )

    def write_report(self) -> WriteReport:
        """The acknowledgements of writes; ends the measuring of stalls."""
        self.stalls.end(self.last_end)
        return WriteReport(
            acknowledged=self.write_latency.count,
            longest_stall_ms=milliseconds(self.stalls.longest),
            longest_stall_at_seconds=self.stalls.longest_began_at,
            max_latency_ms=milliseconds(self.write_latency.maximum),
        )

    def timeline(self) -> tuple[Second, ...]:
        """Every second from the first to the last in which something was due."""
        return tuple(
            second_report(second, self._seconds.get(second, Counts()))
            for second in range(max(self._seconds, default=-1) + 1)
        )

    def second(self, second: int) -> Second:
        """One second so far."""
        return second_report(second, self._seconds.get(second, Counts()))


def _failure(request: RequestPlan, answer: Answer) -> Failure | None:
    if answer.failure is not None:
        return answer.failure
    assert answer.status is not None
    if request.succeeded(answer.status):
        return None
    return Failure(f"status {answer.status}", answer.excerpt or "(an empty body)")
