"""What a transition saw on its way, for its report. Filled by effects, read when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenfold.transitions.steps import Checkpoint


def _nobody(seconds: float | None) -> None:
    """Nobody stands by."""


@dataclass
class Hold:
    """For how long requests waited in front of these pools.

    ``began`` is in seconds since the epoch; ``since`` is the same moment by the clock that nobody
    sets, and ``lasted`` how long it was by that one, ``None`` while they wait in front of any pool
    that is ``left``.
    """

    pools: tuple[str, ...]
    began: float
    lasted: float | None = None
    seconds_postponed: float = 0.0
    since: float = field(default_factory=time.monotonic)
    left: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.left = set(self.pools)

    @property
    def is_over(self) -> bool:
        """Nobody waits any more."""
        return self.lasted is not None

    @property
    def seconds(self) -> float:
        """How long it lasted, or has lasted until now, whatever becomes of the clock meanwhile."""
        return time.monotonic() - self.since if self.lasted is None else self.lasted

    @property
    def ended(self) -> float:
        """When it was over, or now; in seconds since the epoch, by the clock as it was set when
        it began."""
        return self.began + self.seconds


@dataclass
class Evidence:
    """``checkpoint`` is the one that was written for the next hold, and when, by the clock that
    nobody sets; ``verification`` is what the comparison of follower and leader found, as plain
    data; ``promoted``: the switch was made here, ``asked``: or may have been, ``ordered``: by
    Patroni, on which nobody waits; ``lost``: a server was asked to restart, which ends sessions of
    the app's workers; ``fencing``: where a fence was begun here; ``fenced``: the state of each disk
    that was fenced here and of whose leader nothing runs any more, by path; ``expect`` tells
    whoever stands by within how many seconds there is news, ``None`` when nobody waits."""

    holds: list[Hold] = field(default_factory=list)
    checkpoint: tuple[Checkpoint, float] | None = None
    verification: dict[str, Any] | None = None
    checks: list[dict[str, Any]] = field(default_factory=list)
    copied_bytes: int | None = None
    asked: bool = False
    ordered: bool = False
    promoted: bool = False
    lost: bool = False
    fencing: set[str] = field(default_factory=set)
    fenced: dict[str, Any] = field(default_factory=dict)
    expect: Callable[[float | None], None] = _nobody

    @property
    def is_watched(self) -> bool:
        """Whether somebody stands by."""
        return self.expect is not _nobody

    def waits(self) -> bool:
        """Whether requests still wait, as far as is known here."""
        return self.holding() is not None

    def holding(self) -> Hold | None:
        """The hold that is in force, if one is."""
        last = self.holds[-1] if self.holds else None
        return last if last is not None and not last.is_over else None

    def began(
        self, pools: Sequence[str], ago: float, *, postponed: float, within_seconds: float
    ) -> Hold:
        """Requests wait since so long ago, for so long at most; a hold in force goes on."""
        known = self.holding()
        if known is None:
            since = time.monotonic() - ago
            known = Hold(tuple(pools), time.time() - ago, seconds_postponed=postponed, since=since)
            self.holds.append(known)
        self.expect(within_seconds)
        return known

    def ended(self, pool: str | None = None) -> None:
        """They do not any more in front of this pool, or any; it is over when nobody waits."""
        known = self.holding()
        if known is None:
            return
        known.left -= known.left if pool is None else {pool}
        if not known.left:
            known.lasted = known.seconds
            self.expect(None)

    def stand_alone(self) -> None:
        """Nobody stands by any more."""
        self.expect = _nobody
