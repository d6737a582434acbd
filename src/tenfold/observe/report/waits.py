"""How long requests waited because of a hold, from the edge's access log. Pure.

The log has one JSON object per line, written when a request ends. Only numbers are taken from a
line, so whatever a client puts into a path or a header goes nowhere; a line that is no such object
is passed over.

A request waited if it went to the app, was there before the hold ended, and ended after it. Its
wait reaches from its arrival, or from the begin of the hold if it came before, to the end of the
hold; it is never longer than the app's own part of the request, so a slow upload is not taken for
a wait. The end of a hold is known a few milliseconds late, and the first in the queue may be
answered by then: so whoever ended when nothing was in hand any more has waited, too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from tenfold.observe.report.model import HoldTaken, Slice, Waits

FROM_THE_EDGE: Final = (502, 503, 504)
LEFT: Final = (0, 499)
"""How nginx logs a client that went away before there was an answer."""
UPGRADED: Final = 101
"""A WebSocket is logged when it ends, and that it waited at its begin cannot be seen then."""

RESOLUTION_SECONDS = 0.001
"""What is shorter is nothing that the log could tell."""
FLUSH_SECONDS = 1.0
"""For how long the edge keeps lines before it writes them."""
SECONDS_BEFORE = 1.0
SECONDS_AFTER = 2.0
MOST_BINS = 20
MOST_SLICES = 300
_STEPS: Final = (1.0, 2.0, 2.5, 5.0)
_LONGEST_SECONDS = 1e6


class Request(NamedTuple):
    """One line of the log. ``app_seconds``: ``None`` if the edge answered by itself."""

    ended: float
    seconds: float
    status: int
    app_seconds: float | None

    @property
    def arrived(self) -> float:
        """When its first byte came, seconds since the epoch."""
        return self.ended - self.seconds


def measure(
    lines: Iterable[str],
    holds: Sequence[HoldTaken],
    *,
    began: float,
    ended: float,
    complete: float | None = None,
) -> Waits:
    """What the lines say of a transition that lasted from ``began`` to ``ended``.

    Args:
        lines: of the log, in any order; those of other times and other programs do not disturb.
        holds: when requests were held.
        began, ended: seconds since the epoch.
        complete: up to when the log is known to have every request; by default to the end.
    """
    requests = [found for line in lines if (found := read(line)) is not None]
    waits = [(wait, r.seconds) for r in requests if (wait := _wait(r, holds)) is not None]
    longest_ms = _ms(max((wait for wait, _ in waits), default=0.0))
    bin_ms = width(longest_ms, MOST_BINS, least=10.0)
    until = max(began, ended if complete is None else min(ended, complete))
    slice_seconds = width(until - began, MOST_SLICES, least=1.0)
    during = [r for r in requests if began <= r.ended <= until]
    return Waits(
        count=len(waits),
        longest_ms=longest_ms,
        longest_total_ms=_ms(max((total for _, total in waits), default=0.0)),
        bin_ms=bin_ms,
        histogram=_histogram([_ms(wait) for wait, _ in waits], bin_ms),
        failed=sum(r.status in FROM_THE_EDGE and _is_near(r, holds) for r in requests),
        left=sum(_has_left(r, holds) for r in requests),
        requests=len(during),
        since=min((r.ended for r in requests), default=None),
        until=until,
        slice_seconds=slice_seconds,
        timeline=_timeline(during, began, until, slice_seconds),
    )


def read(line: str) -> Request | None:
    """The numbers of one line; ``None`` if it is not of the access log, or not whole."""
    if not line.startswith("{"):
        return None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    ended, seconds = _number(data.get("ended")), _number(data.get("seconds"))
    status, app = data.get("status"), data.get("app_seconds", seconds)
    if ended is None or seconds is None or seconds > _LONGEST_SECONDS:
        return None
    if type(status) is not int or not 0 <= status <= 999:
        return None
    return Request(ended, seconds, status, _number(app))


def _number(value: Any) -> float | None:
    """A number that time can be."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e12 and math.isfinite(value) else None


def _wait(request: Request, holds: Sequence[HoldTaken]) -> float | None:
    """For how many seconds it waited, at most; the longest if there were several holds."""
    found = [wait for hold in holds if (wait := wait_in(request, hold)) is not None]
    return max(found, default=None)


def wait_in(request: Request, hold: HoldTaken) -> float | None:
    """For how many seconds a request waited because of this hold; ``None`` if it did not."""
    if request.app_seconds is None or request.status in (*LEFT, UPGRADED):
        return None
    if request.arrived >= hold.ended or request.ended < _nothing_in_hand(hold):
        return None
    until = min(request.ended, hold.ended)
    wait = min(until - max(request.arrived, hold.began), request.app_seconds)
    return wait if wait >= RESOLUTION_SECONDS else None


def _nothing_in_hand(hold: HoldTaken) -> float:
    """From when on who ends has waited: half way from the last request in hand to the end."""
    return ((hold.drained or hold.began) + hold.ended) / 2


def _has_left(request: Request, holds: Sequence[HoldTaken]) -> bool:
    return request.status in LEFT and any(h.began <= request.ended <= h.ended for h in holds)


def _is_near(request: Request, holds: Sequence[HoldTaken]) -> bool:
    return any(h.began - SECONDS_BEFORE <= request.ended <= h.ended + SECONDS_AFTER for h in holds)


def _histogram(waits_ms: Sequence[float], bin_ms: float) -> tuple[int, ...]:
    places = [int(wait // bin_ms) for wait in waits_ms]
    counts = [0] * (max(places, default=-1) + 1)
    for place in places:
        counts[place] += 1
    return tuple(counts)


def _timeline(
    requests: Iterable[Request], began: float, until: float, slice_seconds: float
) -> tuple[Slice, ...]:
    slices = [Slice() for _ in range(max(1, math.ceil((until - began) / slice_seconds)))]
    for request in requests:
        place = min(int((request.ended - began) // slice_seconds), len(slices) - 1)
        so_far = slices[place]
        slices[place] = Slice(
            so_far.requests + 1,
            so_far.failed + (request.status >= 500),
            max(so_far.slowest_ms, _ms(request.seconds) if _counts(request, began) else 0.0),
        )
    return tuple(slices)


def _counts(request: Request, began: float) -> bool:
    """Streams last for as long as they like, and many of them began long before."""
    return request.status != UPGRADED and request.arrived >= began


def width(span: float, most: int, *, least: float) -> float:
    """The smallest round width, not below ``least``, of which ``most`` are more than ``span``.

    Round is 1, 2, 2.5 or 5 times a power of ten.
    """
    return next(w for w in _widths() if w >= least and w * most > span)


def _widths() -> Iterator[float]:
    for power in range(-3, 16):
        yield from (step * 10**power for step in _STEPS)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
