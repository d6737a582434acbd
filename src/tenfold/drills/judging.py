"""What was seen of a drill, and whether what was promised held. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tenfold.drills.model import Promise

OPEN_SECONDS = 2.0
"""Between two writes of any load there is less."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the load: when it was sent and when it ended, and what with.

    ``write`` is one whose acknowledgement counts; ``failure`` is ``None`` for one that succeeded.
    """

    sent: float
    ended: float
    write: bool
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Led:
    """Who took writes from a moment on, each with its timeline; normally one."""

    at: float
    leaders: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """What the ledger came to: how many were acknowledged and what became of all."""

    acknowledged: int
    lost: int
    duplicated: int
    unknown_applied: int
    unknown_not_applied: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was seen.

    Attributes:
        fault: when breaking it began.
        broken: when it was broken.
        until: up to when requests were sent.
        mended: when it was mended, if it was.
        well: when everything was as before: all members follow, commits are in two places.
        requests: every request that ended.
        led: who took writes, each time that changed.
        leader_before, leader_after: as Patroni says it; hosts.
        compared: ``None`` where no writes were followed.
    """

    fault: float
    broken: float
    until: float
    mended: float | None
    well: float | None
    requests: Sequence[Request]
    led: Sequence[Led]
    leader_before: str | None
    leader_after: str | None
    compared: Compared | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: what it is, whether it held, and what was seen."""

    promise: str
    held: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Failures:
    """Requests that failed in one way: how many, and when the first and the last of them were sent,
    in seconds since it was broken."""

    kind: str
    count: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a drill came to; ``None`` where nothing could be seen of it.

    ``gap_began`` is the last acknowledged write before writes waited, ``gap_ended`` the next, which
    is ``None`` where there was none until nobody looked any more.
    """

    gap_seconds: float | None
    gap_began: float | None
    gap_ended: float | None
    in_flight_failed: int
    unnoticed_failed: int
    later_failed: int
    requests: int
    longest_seconds: float
    failures: tuple[Failures, ...]
    most_leaders: int
    findings: tuple[Finding, ...] = field(default=())

    @property
    def held(self) -> bool:
        """Whether everything that was promised held."""
        return all(finding.held for finding in self.findings)


def judge(promise: Promise, seen: Seen) -> Judgement:
    """Compare what was promised with what was seen."""
    gap = _gap([r.ended for r in seen.requests if r.write and r.failure is None], seen)
    failed = [r for r in seen.requests if r.failure is not None]
    in_flight = sum(r.sent <= seen.broken and r.ended >= seen.fault for r in failed)
    soon = seen.broken + promise.notice_seconds
    unnoticed = sum(seen.broken < r.sent <= soon for r in failed)
    later = sum(r.sent > soon for r in failed)
    during = [r for r in seen.requests if r.ended >= seen.fault]
    most = max((len(led.leaders) for led in seen.led), default=0)
    return Judgement(
        gap_seconds=None if gap is None else gap.seconds,
        gap_began=None if gap is None else gap.began,
        gap_ended=None if gap is None or gap.open else gap.ended,
        in_flight_failed=in_flight,
        unnoticed_failed=unnoticed,
        later_failed=later,
        requests=len(seen.requests),
        longest_seconds=max((r.ended - r.sent for r in during), default=0.0),
        failures=_counted(failed, seen.broken),
        most_leaders=most,
        findings=tuple(_findings(promise, seen, gap, later, most)),
    )


def _findings(
    promise: Promise,
    seen: Seen,
    gap: _Gap | None,
    later: int,
    most: int,
) -> Iterable[Finding]:
    if seen.compared is not None:
        yield _kept(seen.compared)
    yield Finding(
        "never two leaders",
        most <= 1,
        "one at a time took writes" if most <= 1 else f"{most} took writes at the same time",
    )
    if any(r.write for r in seen.requests):
        bound = promise.writes_wait_seconds
        held = gap is not None and not gap.open and gap.seconds <= bound
        yield Finding(f"writes wait for {bound:g} s at most", held, _waited(gap))
    yield from _leadership(promise, seen)
    if not promise.later_fail:
        yield Finding(
            "requests that come later do not fail",
            not later,
            f"{later} failed" if later else "none did",
        )
    yield Finding(
        "all is as before once it is mended",
        seen.well is not None,
        "it is" if seen.well is not None else "it is not: tenfold status says what is missing",
    )


def _kept(found: Compared) -> Finding:
    told = f"{found.lost} lost, {found.duplicated} twice, of {found.acknowledged:,}"
    return Finding(
        "every acknowledged write is there, once", not found.lost and not found.duplicated, told
    )


def _leadership(promise: Promise, seen: Seen) -> Iterable[Finding]:
    before, after = seen.leader_before, seen.leader_after
    others = {name for led in seen.led if led.at > seen.fault for name, _ in led.leaders} - {before}
    if promise.leader == "stays":
        told = f"{before} led all the time" if not others else f"{' and '.join(sorted(others))} led"
        yield Finding("the leader stays", not others and after == before, told)
    elif promise.leader == "changes":
        told = f"{before} led, {after} leads" if others else "nobody else led"
        yield Finding("another one leads", bool(others), told)


@dataclass(frozen=True, slots=True)
class _Gap:
    """A time without an acknowledged write; ``open``: nobody saw its end."""

    began: float
    ended: float
    open: bool = False

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def _waited(gap: _Gap | None) -> str:
    if gap is None:
        return "no write was acknowledged"
    return f"{gap.seconds:.2f} s" + (", and none was acknowledged after that" if gap.open else "")


def _gap(acknowledged: list[float], seen: Seen) -> _Gap | None:
    """The longest time without an acknowledged write that ended behind the fault.

    Where the last write before nobody looked any more is long ago, that time has no end.
    """
    times = sorted(acknowledged)
    if not times:
        return None
    closed = [_Gap(a, b) for a, b in pairwise(times) if b > seen.fault]
    found = max(closed, key=lambda gap: gap.seconds, default=None)
    last = _Gap(times[-1], max(times[-1], seen.until), open=True)
    if last.seconds > OPEN_SECONDS and (found is None or last.seconds > found.seconds):
        return last
    return found


def _counted(failed: Sequence[Request], broken: float) -> tuple[Failures, ...]:
    found: dict[str, list[float]] = {}
    for request in failed:
        found.setdefault(str(request.failure), []).append(round(request.sent - broken, 2))
    told = (Failures(kind, len(at), min(at), max(at)) for kind, at in found.items())
    return tuple(sorted(told, key=lambda one: -one.count))
