"""Which steps have background workers be as the goal says. Pure.

Nothing of one release's workers may take a job that another's app has queued without knowing it, so
they are replaced before the app is: the new ones of a kind start, the old ones finish and rest, and
only when the new app serves are they let go of; until then a failure wakes them. Of a kind of which
there may not be two, the old one rests first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tenfold.topology.model import Pool, Topology
from tenfold.topology.observation import Observation, ObservedUnit
from tenfold.topology.settings import WorkerSettings
from tenfold.transitions import steps as st

AT_REST: Final = ("resting", "stopped")
"""One that failed is not at rest: its agent tries it again and again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One kind of worker as it shall be, and what there is of it.

    ``renew``: a new generation replaces the one that works even if that is right.
    """

    pool: Pool
    units: tuple[ObservedUnit, ...]
    release: str
    digest: str | None
    renew: bool = False

    @property
    def single(self) -> bool:
        """Whether there may never be two at once."""
        settings = self.pool.settings
        assert isinstance(settings, WorkerSettings)
        return settings.single

    @property
    def works(self) -> int | None:
        """The generation that is as the goal wants it, and works."""
        found = [g for g, units in self._right().items() if self._all(units, ("running",))]
        return self._newest(found)

    @property
    def rests(self) -> int | None:
        """The generation that is as the goal wants it, and rests, or is about to."""
        states = ("running", "resting", "draining")
        found = [g for g, units in self._right().items() if self._all(units, states)]
        return None if self.renew else self._newest(found)

    def others(self, generation: int) -> tuple[ObservedUnit, ...]:
        """The units of all other generations."""
        return tuple(u for u in self.units if u.generation != generation)

    def next_generation(self) -> int:
        """The one that is started next."""
        return 1 + max((u.generation for u in self.units), default=0)

    def _newest(self, found: list[int]) -> int | None:
        newest = max(found, default=None)
        if newest is None or not self.renew:
            return newest
        # One that has something to replace is the new one; one that is alone is to be replaced.
        return newest if any(u.generation < newest for u in self.units) else None

    def _right(self) -> dict[int, list[ObservedUnit]]:
        found: dict[int, list[ObservedUnit]] = {}
        for unit in self.units:
            if unit.release == self.release and unit.fingerprint == self.digest:
                found.setdefault(unit.generation, []).append(unit)
        return found

    def _all(self, units: list[ObservedUnit], states: tuple[str, ...]) -> bool:
        return sum(u.state in states for u in units) >= self.pool.minimum


@dataclass(frozen=True, slots=True)
class Change:
    """What has one kind of worker be as the goal says. ``starts`` come before ``rests`` where there
    may be two at once, ``singles`` behind it where there may not; ``ends`` when the app serves."""

    starts: tuple[st.Step, ...] = ()
    rests: tuple[st.Step, ...] = ()
    singles: tuple[st.Step, ...] = ()
    ends: tuple[st.Step, ...] = ()


def change(wanted: Wanted) -> Change:
    """The steps to workers of this kind that are as the goal says; none if they are."""
    path, generation = wanted.pool.path, wanted.works
    begin: tuple[st.Step, ...] = ()
    if generation is None:
        generation = wanted.rests
        if generation is not None:
            begin = (st.WakeWorkers(path, generation=generation),)
        else:
            generation = wanted.next_generation()
            begin = (st.StartWorkers(path, generation, wanted.release, wanted.pool.minimum),)
    others = wanted.others(generation)
    active = any(u.state not in AT_REST for u in others)
    return Change(
        starts=() if wanted.single else begin,
        rests=(st.RestWorkers(path, generation),) if active else (),
        singles=begin if wanted.single else (),
        ends=(st.ForgetWorkers(path, generation),) if others else (),
    )


def before(changes: tuple[Change, ...]) -> list[st.Step]:
    """What comes before the app is handed over, the same for several kinds at the same time."""
    return [
        *st.at_once(s for c in changes for s in c.starts),
        *st.at_once(s for c in changes for s in c.rests),
        *st.at_once(s for c in changes for s in c.singles),
    ]


def after(changes: tuple[Change, ...]) -> list[st.Step]:
    """What comes when the app serves."""
    return list(st.at_once(s for c in changes for s in c.ends))


def rested(changes: tuple[Wanted, ...]) -> tuple[Wanted, ...]:
    """The same, once all that works has been sent to rest."""
    return tuple(
        replace(w, units=tuple(replace(u, state="resting") for u in w.units)) for w in changes
    )


def worker_pools(topology: Topology) -> tuple[Pool, ...]:
    """The kinds of workers that a topology has."""
    return tuple(p for p in topology.pools if isinstance(p.settings, WorkerSettings))


def observed(pool: Pool, now: Observation) -> tuple[ObservedUnit, ...]:
    """What there is of a kind of worker, on a host whose agent answers."""
    host = now.host(pool.host)
    return host.pool(pool.name) if host and host.agent == "running" else ()
