"""Until when a PostgreSQL may accept writes. Pure: what was seen in, what to do out.

Another member can be elected only when the leader's key is not in etcd. It is bound to a lease, so
it goes when that was not renewed for its whole time; how much of it is left is what etcd itself
says. So a PostgreSQL that accepts writes is ended before that time is up, whoever sleeps, hangs or
is cut off: that is what Patroni uses a hardware watchdog for, which takes root.

A follower has no bound: it accepts no writes. When it begins to without a word from etcd, the lease
that it got for that is counted from when it was seen, less a round that it may be old by then.

Without etcd Patroni may go on leading while all members that there are agree to it (failsafe mode):
they agree for ``ttl_seconds``, and Patroni asks them again in each of its rounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

FOREVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Times in seconds.

    ``ttl_seconds`` is how long the lease holds; a round of Patroni's takes up to
    ``round_seconds`` (its wait, and how long it tries to reach etcd). The end comes
    ``margin_seconds`` before the lease's.
    """

    ttl_seconds: float
    round_seconds: float
    margin_seconds: float = 3.0

    @property
    def agreed_seconds(self) -> float:
        """How long an agreement of the members still holds when Patroni tells of it."""
        return self.ttl_seconds - self.round_seconds - self.margin_seconds


@dataclass(frozen=True, slots=True)
class Seen:
    """What etcd said: who has the leader's key, and how many seconds of the lease were left at
    least when it was asked, at ``at``. ``holder`` is ``None`` where there is no key."""

    at: float
    holder: str | None
    left_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known so far. ``until`` is when a PostgreSQL that accepts writes has to be gone.

    ``usurped``: it did before etcd said that another member leads, and behind that.
    ``adopts``: it is being taken over, and has no bound before the key is this member's for the
    first time: it leads, and nobody has a lease yet.
    """

    until: float = FOREVER
    usurped: bool = False
    adopts: bool = False


def told(standing: Standing, seen: Seen, member: str, bounds: Bounds, *, writes: bool) -> Standing:
    """After an answer from etcd. A key that is gone, or somebody else's, prolongs nothing.

    ``writes``: whether the server accepted writes before etcd was asked and when it had answered.
    Of one that began to since, it says nothing: that one has become the leader, whatever comes
    next, be it that etcd does not answer any more.
    """
    if seen.holder == member:
        return Standing(until=seen.at + seen.left_seconds - bounds.margin_seconds)
    return replace(standing, usurped=seen.holder is not None and writes)


def followed() -> Standing:
    """After the server was seen to follow: what it led before binds it no longer."""
    return Standing()


def agreed(standing: Standing, at: float, bounds: Bounds) -> Standing:
    """After Patroni said, at ``at``, that the other members agree, or that it is paused."""
    if standing.adopts:
        return standing
    known = -FOREVER if standing.until == FOREVER else standing.until
    return replace(standing, until=max(known, at + bounds.agreed_seconds))


def end_at(standing: Standing, began: float | None, bounds: Bounds) -> float:
    """When a PostgreSQL has to be gone that was first seen at ``began`` to accept writes without
    a bound that etcd told; ``None`` where it was not."""
    if standing.until != FOREVER or standing.adopts or began is None:
        return standing.until
    return began + bounds.agreed_seconds


def must_end(usurped: bool, until: float, now: float) -> str | None:
    """Why a PostgreSQL that accepts writes has to be ended now; ``None`` if it may go on.

    Args:
        usurped: see :class:`Standing`.
        until: what :func:`end_at` gives.
        now: on the same clock.
    """
    if usurped:
        return "another member leads, and this one accepts writes"
    if now >= until:
        return "the lease was not renewed in time"
    return None
