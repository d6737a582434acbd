"""How long workers rest that a command has sent to rest: as long as it says so, again and again.

A command that is killed says nothing any more, and the agents have the workers of the app that
still serves work again. Once a database is about to be fenced that would be wrong: what worked on
it must not come back to it. So their rest loses its bound before the fence is set, and gets one
again when the fence is taken away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tenfold.errors import NotBegun, TenfoldError
from tenfold.interrupts import at_once
from tenfold.transitions.workers import worker_pools

if TYPE_CHECKING:
    from tenfold.targets.protocol import HostAgent
    from tenfold.topology.model import Pool
    from tenfold.transitions.perform.world import World

REST_SECONDS = 30.0
RENEW_EVERY_SECONDS = 5.0


@dataclass
class Renewals:
    """Says it, in a thread of its own, until it is closed; nothing before something is kept."""

    every_seconds: float = RENEW_EVERY_SECONDS
    rest_seconds: float = REST_SECONDS
    _kept: dict[str, Callable[[], object]] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, agent: HostAgent, pool: Pool | str) -> None:
        """From now on those of this pool that rest are to go on."""
        name = pool if isinstance(pool, str) else pool.name
        with self._guard:
            self._kept[name] = partial(agent.keep_resting, name, self.rest_seconds)
            if self._thread is None:
                self._thread = threading.Thread(target=self._say, name="rests", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """No more: what rests then works again when its time is up."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _say(self) -> None:
        while not self._over.wait(self.every_seconds):
            with self._guard:
                kept = list(self._kept.values())
            for renew in kept:
                # Whoever was overtaken may not, and an agent that is gone is asked again: that is
                # what there is a bound for.
                with suppress(TenfoldError):
                    renew()


def for_good(world: World, *, insist: bool = True) -> None:
    """Have all workers that rest do so until somebody wakes them, whoever is killed from now on.

    Raises:
        NotBegun: one of them works, and that none does is insisted on.
    """
    pools = worker_pools(world.blueprint.topology)
    try:
        at_once([partial(_for_good, world, pool, insist) for pool in pools])
    except TenfoldError as fault:
        for_now(world)
        if isinstance(fault, NotBegun):
            raise
        raise NotBegun(
            fault.what, changed=fault.changed, next=fault.next, detail=fault.detail
        ) from fault


def for_now(world: World) -> None:
    """Have workers that rest, for whatever reason, work again soon after this command is gone."""
    for pool in worker_pools(world.blueprint.topology):
        with suppress(TenfoldError):  # Then they rest until somebody wakes them.
            agent = world.target.reach(pool.host)
            if agent is not None:
                agent.keep_resting(pool.name, world.renewals.rest_seconds, anew=True)
                world.renewals.keep(agent, pool)


def _for_good(world: World, pool: Pool, insist: bool) -> None:
    left = world.agent(pool.host).keep_resting(pool.name, None)
    if left and insist:
        works = "works" if len(left) == 1 else "work"
        raise NotBegun(
            f"{', '.join(left)} {works} again: this command was silent for too long",
            changed="nothing for your users: requests go on as before",
            next="tenfold resume    tries again",
        )
