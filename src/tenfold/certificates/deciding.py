"""When to order a certificate, and when to wait. Pure: clock and chance are arguments.

An authority counts: failed validations by the hour, certificates by the week. Whoever asks in a
loop is shut out for days, so every failure makes the next wait longer, a crash counts as a failure,
and a bound on orders holds whatever else happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tenfold.certificates.state import State

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
RENEW_AFTER: Final = 2 / 3
"""Of a certificate's life; what Let's Encrypt recommends for its own."""
SPREAD: Final = 1 / 30
"""Of the life, by which renewals are spread, so that not everybody comes at once."""
FASTEST_SECONDS: Final = 10.0
MOST_ORDERS: Final[Mapping[float, int]] = {HOUR: 5, DAY: 20}
"""Per hour: failed validations that Let's Encrypt allows for a name and an account."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait after failures of one kind: doubling, between two bounds."""

    first_seconds: float
    longest_seconds: float

    def after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return min(self.first_seconds * 2.0 ** min(failures - 1, 30), self.longest_seconds)


PATIENCE: Final[Mapping[str, Patience]] = {
    "name": Patience(60, 600),  # looked at from here; nobody else is asked
    "clock": Patience(600, HOUR),
    "authority": Patience(60, HOUR),
    "refused": Patience(600, 12 * HOUR),
    "limited": Patience(HOUR, DAY),
    "own": Patience(600, 6 * HOUR),
}


def is_wanted(state: State, names: Sequence[str], directory: str) -> bool:
    """Whether the certificate is one that the configuration asks for, by whomever it is signed."""
    return state.authority == directory and set(names) <= set(state.names)


def renewal(state: State, chance: float) -> float:
    """When to renew: at two thirds of the life and a little, or earlier if the authority says so.

    Args:
        state: of a certificate.
        chance: from 0 to 1, the same for the same certificate.
    """
    life = state.not_after - state.not_before
    latest = state.not_before + life * (RENEW_AFTER + SPREAD * chance)
    return min(state.renew_at, latest) if state.renew_at else latest


def next_attempt(
    state: State, names: Sequence[str], directory: str, now: float, chance: float
) -> float:
    """When to try the next time; in the past: now.

    Args:
        state: what there is.
        names: that the certificate must have.
        directory: of the authority that it must be from.
        now: seconds since the epoch.
        chance: from 0 to 1.
    """
    due = renewal(state, chance) if is_wanted(state, names, directory) else 0.0
    due = max(due, free_again(state.orders, now))
    if not state.failures:
        return due
    # A clock that was set back must not make a wait longer than it is.
    last = min(state.last_attempt, now)
    wait = PATIENCE[state.fault.get("kind", "own")].after(state.failures) * (0.8 + 0.4 * chance)
    left = state.not_after - now
    if is_wanted(state, names, directory) and left > 0:
        wait = min(wait, max(60.0, left / 8))  # a short life leaves little time for patience
    return max(due, last + wait, state.wait_until)


def asked_for(state: State, now: float) -> float:
    """When to try if a person asks: at once, unless somebody has just tried, or too often."""
    return max(
        min(state.last_attempt, now) + FASTEST_SECONDS,
        free_again(state.orders, now),
        state.wait_until,
    )


def free_again(orders: Sequence[float], now: float) -> float:
    """When the bounds on orders allow the next; 0 if they do now."""
    found = 0.0
    for span, most in MOST_ORDERS.items():
        recent = sorted(order for order in orders if now - span < order <= now)
        if len(recent) >= most:
            found = max(found, recent[-most] + span)
    return found


def remembered(orders: Sequence[float], now: float) -> tuple[float, ...]:
    """The orders that still count, with one more."""
    return (*(order for order in orders if now - max(MOST_ORDERS) < order <= now), now)
