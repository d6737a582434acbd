"""Who has a pool held, and for how long: a command, who follows the database's leader, or both.

Each lets go of its own hold alone. While a command moves something, its hold is the one that
counts; that of the failover keeper stands *behind* it, with a bound of its own, and is what is left
when the command lets go, dies or takes too long: the database may have no leader then, and whoever
was let on would meet none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

SLACK_SECONDS = 1.0
COMMAND = "command"
FAILOVER = "failover"


@dataclass(frozen=True, slots=True)
class Hold:
    """One pool that is held; ``members`` are the units that hold.

    ``until`` is for people, in seconds since the epoch, which a clock that is set changes.
    ``deadline`` is what counts: by the clock that nobody sets and that every process of this boot
    has in common. Neither lengthens the hold beyond ``within_seconds``, which is what was ordered.
    ``by`` is who holds. ``behind`` is the keeper's own hold, where a command's comes first.
    """

    pool: str
    members: tuple[str, ...]
    until: float
    within_seconds: float
    deadline: float | None = None
    by: str = COMMAND
    behind: Hold | None = None

    @classmethod
    def of(cls, pool: str, members: tuple[str, ...], within_seconds: float, by: str) -> Hold:
        """From now on."""
        until, deadline = time.time() + within_seconds, time.monotonic() + within_seconds
        return cls(pool, members, until, within_seconds, deadline, by)

    def left_seconds(self) -> float:
        """How long it may still last, whatever stands behind it."""
        left = (
            self.until - time.time() if self.deadline is None else self.deadline - time.monotonic()
        )
        return min(left, self.within_seconds)

    def dated(self) -> Hold:
        """The same by the clocks as they are now, in an agent that has just begun."""
        left = self.left_seconds()
        until = time.time() + left
        return replace(
            self,
            until=until if abs(until - self.until) > SLACK_SECONDS else self.until,
            deadline=time.monotonic() + left,
            behind=None if self.behind is None else self.behind.dated(),
        )

    def is_wanted_by(self, who: str) -> bool:
        """Whether this is a hold of theirs, alone or among others."""
        return any(hold.by == who for hold in self.all())

    def all(self) -> Iterator[Hold]:
        """It, and what stands behind it."""
        yield self
        if self.behind is not None:
            yield self.behind

    def ends_until(self) -> float:
        """Until when the pool is held at the latest, in seconds since the epoch."""
        return max(hold.until for hold in self.all())

    def changes_in_seconds(self) -> float:
        """When the first of them is over, from now on."""
        return max(0.0, min(hold.left_seconds() for hold in self.all()))


def joined(held: Hold | None, new: Hold) -> Hold:
    """What is held when somebody holds anew: whoever holds already has it longer, or otherwise."""
    if held is None:
        return new
    if new.by == COMMAND:
        keepers = held if held.by == FAILOVER else held.behind
        return replace(new, behind=keepers)
    return replace(held, behind=new) if held.by == COMMAND else new


def without(held: Hold, by: str) -> Hold | None:
    """What is left when these let go of theirs; ``None`` if nobody holds any more."""
    if held.by == by:
        return _in_front(held)
    behind = held.behind
    return replace(held, behind=None) if behind is not None and behind.by == by else held


def lasting(held: Hold) -> Hold | None:
    """What is left now of whose time is over; ``None`` if nobody's lasts."""
    behind = held.behind
    if behind is not None and behind.left_seconds() <= 0:
        held = replace(held, behind=None)
    return held if held.left_seconds() > 0 else _in_front(held)


def _in_front(held: Hold) -> Hold | None:
    """What stands behind it, which the same members hold."""
    return None if held.behind is None else replace(held.behind, members=held.members)
