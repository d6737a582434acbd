"""What each step does: small, idempotent, bounded. Whatever fails is decided upon anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import psycopg

from tenfold.agent.diary import say
from tenfold.agent.held import FAILOVER
from tenfold.errors import Refused, StepFailed, TenfoldError
from tenfold.failover.agent import Agent
from tenfold.failover.asking import LETS_NOBODY_IN, ask_once
from tenfold.failover.config import Config
from tenfold.failover.deciding import Step
from tenfold.topology.databases import NOBODY

CUT_SECONDS = 1.0
"""How long nginx may take to end with all its sessions before it is killed."""
DRAIN_SECONDS = 0.5
"""What was in hand at the fault has lost its session and ends at once. What runs on without a
database, or waits for its pool's next attempt, is not waited for by everybody else: a request that
met three broken connections of psycopg_pool 3.3 sleeps for 3 s, whatever anybody does."""
POINT_SECONDS = 10.0
VERIFY_SECONDS = 5.0
DIRECTLY_SECONDS = 2.0
"""How long a server may take to let us in beside an endpoint that does not: as long as the
endpoint's nginx tries (its ``proxy_connect_timeout``)."""
REFRESH_SECONDS = 60.0
"""Workers whose connections cannot be refreshed are started anew, which may take as long."""
RELEASE_SECONDS = 10.0
SLACK_SECONDS = 5.0
"""By so much the agent's own bounds are longer than the keeper's."""


class Elsewhere(StepFailed):
    """Through the endpoint one reaches another server than was thought, or none that leads."""


class Unreached(StepFailed):
    """Through the endpoint nobody is reached, though the server itself lets us in, and leads."""


class Effects:
    """Carries out steps on one host."""

    def __init__(self, config: Config, agent: Agent) -> None:
        self._config = config
        self._agent = agent
        self._does: dict[str, Callable[[Step], Awaitable[None]]] = {
            "hold": self._hold,
            "cut": self._cut,
            "point": self._point,
            "verify": self._verify,
            "drain": self._drain,
            "refresh": self._refresh,
            "release": self._release,
            "give up": self._give_up,
        }

    async def carry_out(self, step: Step) -> None:
        """Do it.

        Raises:
            TenfoldError: it did not succeed; it may be tried again.
        """
        await self._does[step.does](step)

    @property
    def _bound(self) -> float:
        return self._config.limits.hold_seconds + SLACK_SECONDS

    async def _hold(self, step: Step) -> None:
        for pool in self._config.pools:
            try:
                await self._agent.order(
                    "hold", 5.0, pool=pool, within_seconds=self._bound, by=FAILOVER
                )
            except (Refused, StepFailed) as refusal:
                # One whose workers cannot hold fails requests; the others need not.
                say(f"{pool} is not held: {refusal.what}")

    async def _cut(self, step: Step) -> None:
        await self._rest()
        # Should nobody be there to go on, and the agent's bound pass: to nobody it was pointed.
        await self._agent.order("write", POINT_SECONDS, files=[self._config.files[NOBODY]])

    async def _rest(self) -> None:
        await self._agent.order(
            "rest",
            CUT_SECONDS,
            name=self._config.endpoint,
            within_seconds=CUT_SECONDS,
            kills=True,
            lasts_seconds=self._bound,
        )

    async def _point(self, step: Step) -> None:
        await self._point_to(step.path)

    async def _point_to(self, path: str) -> None:
        # It may be awake, if the bound of its rest is over, and would go on as it was.
        await self._rest()
        await self._agent.order("write", POINT_SECONDS, files=[self._config.files[path]])
        await self._agent.order("wake", POINT_SECONDS, name=self._config.endpoint)

    async def _verify(self, step: Step) -> None:
        try:
            found = await ask_once(self._config.through_endpoint, VERIFY_SECONDS)
        except (OSError, psycopg.Error) as fault:
            # A server that refuses us for a reason of its own is there: it is full, for one, or
            # does not know a new password yet. Pointing anew would end everybody's sessions.
            refused = "FATAL:" in str(fault) and LETS_NOBODY_IN not in str(fault)
            wrong = not refused and await self._lets_us_in(step.path)
            kind = Unreached if wrong else StepFailed
            nor = "" if wrong or refused else "; asked directly, it does not let us in, or lead"
            text = f"the endpoint does not reach {step.path}: {fault or 'too late'}{nor}"
            raise kind(text) from fault
        if found.kind != "leads" or found.life != step.life:
            raise Elsewhere(f"the endpoint reaches another server than {step.path}, or a follower")

    async def _lets_us_in(self, path: str) -> bool:
        """Whether the server itself takes a new session now, and leads. The watch does not know: it
        asks on a session that it keeps, which one that is overloaded still answers."""
        address = self._config.servers.get(path)
        if address is None:
            return False
        try:
            found = await ask_once(address, DIRECTLY_SECONDS)
        except (OSError, psycopg.Error):
            return False  # Which the caller tells.
        return found.kind == "leads"

    async def _drain(self, step: Step) -> None:
        for pool in self._config.pools:
            try:
                await self._agent.order(
                    "drained", DRAIN_SECONDS, pool=pool, within_seconds=DRAIN_SECONDS, by=FAILOVER
                )
            except StepFailed as late:
                say(late.what)

    async def _refresh(self, step: Step) -> None:
        for pool in self._config.pools:
            told = await self._agent.order(
                "refresh", REFRESH_SECONDS, pool=pool, port=self._config.through_endpoint.port
            )
            say(f"{pool}: {told}")

    async def _release(self, step: Step) -> None:
        for pool in self._config.pools:
            await self._agent.order("release", RELEASE_SECONDS, pool=pool, by=FAILOVER)

    async def _give_up(self, step: Step) -> None:
        try:
            await self._point_to(NOBODY)
        except TenfoldError as fault:
            say(f"{self._config.endpoint}: {fault.what}")
        await self._release(step)
