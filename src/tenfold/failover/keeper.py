"""The keeper's life: look, decide, do one step, write down what has become of it, look again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

from tenfold.agent.diary import say
from tenfold.agent.identity import boot_id
from tenfold.errors import TenfoldError
from tenfold.failover.agent import Agent
from tenfold.failover.asking import ServersAsked
from tenfold.failover.config import Config, read
from tenfold.failover.deciding import (
    UNNOTED,
    Limits,
    State,
    Stay,
    Step,
    Wanted,
    after,
    is_settled,
    learnt,
    refuted,
    steps,
    unreached,
    wanted,
)
from tenfold.failover.effects import Effects, Elsewhere, Unreached
from tenfold.failover.sightings import LeaderWatch

LOOK_SECONDS = 0.25
"""How often at least it is decided: some decisions depend on time alone."""
AGAIN_SECONDS = 0.1
"""How long after a step that failed it is decided anew."""
THROUGH_SECONDS = 2.0
"""How often it is looked through the endpoint while nothing changes: somebody else, an upgrade of
the endpoint or a person, may have led it elsewhere."""


class Acts(Protocol):
    """Whoever carries steps out; raises ``TenfoldError`` for one that did not succeed."""

    async def carry_out(self, step: Step) -> None:
        """Do it."""


class Keeper:
    """Follows the leader on one host."""

    def __init__(
        self,
        config: Config,
        watch: LeaderWatch,
        effects: Acts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._config = config
        self._watch = watch
        self._effects = effects
        self._state = load(config)
        self._told = ""
        self._is_saved = True
        self._goal: Wanted = Stay()
        self._acts = False

    @property
    def state(self) -> State:
        """What has become of things so far."""
        return self._state

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="follow")
            group.create_task(self._keep_looking(), name="look through the endpoint")

    async def _follow(self) -> None:
        while True:
            done = await self.round()
            await self._watch.changed(0.0 if done else LOOK_SECONDS)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(THROUGH_SECONDS)
            await self.look_through()

    async def look_through(self) -> None:
        """See that the endpoint reaches whom it was pointed to; if it reaches somebody else, or for
        some time nobody, the next round points it anew. Beside the rounds: a look may take seconds.
        """
        before = self._state
        if self._acts or not is_settled(before):
            return
        step = Step("verify", before.path, before.life)
        found: TenfoldError | None = None
        try:
            await self._effects.carry_out(step)
        except TenfoldError as fault:
            found = fault
        if self._state != before or self._acts:
            return  # What has changed meanwhile was looked at by a round of its own.
        if found is None:
            self._become(after(before, step, self._clock()))
        else:
            self._doubt(found, wanted(self._watch.seen(), before, *self._now()))

    async def round(self) -> bool:
        """Do one step if there is one to do; whether it is done."""
        seen = self._watch.seen()
        self._become(learnt(self._state, seen))
        goal = wanted(seen, self._state, *self._now())
        self._say_of(goal)
        todo = steps(self._state, goal)
        if not todo:
            return False
        began = self._clock()
        try:
            self._acts = True
            await self._effects.carry_out(todo[0])
        except TenfoldError as fault:
            self._say_once(f"{todo[0].does}: {fault}")
            self._doubt(fault, goal)
            await asyncio.sleep(AGAIN_SECONDS)
            return True
        finally:
            self._acts = False
        now = self._clock()
        say(f"{todo[0].does} {todo[0].path}: {(now - began) * 1000:.0f} ms")
        self._become(after(self._state, todo[0], now))
        return True

    def _doubt(self, fault: TenfoldError, goal: Wanted) -> None:
        """After a look through the endpoint that did not reach whom it was pointed to."""
        before = self._state
        if isinstance(fault, Elsewhere):
            self._become(refuted(before))
        elif isinstance(fault, Unreached):
            self._become(unreached(before, goal, *self._now()))
        else:
            self._become(replace(before, unreached_since=None))  # Whether it is wrong is not known.
        if self._state.life != before.life:
            say(f"the endpoint is pointed anew: {fault.what}")

    def _now(self) -> tuple[float, Limits]:
        return self._clock(), self._config.limits

    def _become(self, state: State) -> None:
        if state == self._state and self._is_saved:
            return
        self._state = state
        try:
            save(self._config, state)
        except OSError as fault:
            # A successor finds out what is not written here; until there is one, this one knows.
            if self._is_saved:
                say(f"{self._config.state}: {fault.strerror}; goes on without writing it down")
            self._is_saved = False
        else:
            self._is_saved = True

    def _say_of(self, goal: Wanted) -> None:
        if goal != self._goal and not isinstance(goal, Stay):
            say(str(goal))
        self._goal = goal

    def _say_once(self, text: str) -> None:
        if text != self._told:
            self._told = text
            say(text)


def load(config: Config) -> State:
    """What a predecessor has written down; a hold of before the machine was started is over."""
    try:
        told = json.loads(config.state.read_text())
        boot = told.pop("boot")
        state = State(**told)
    except (OSError, ValueError, TypeError, KeyError):
        return State(path=config.points_to)
    if boot != boot_id():
        return State(timeline=state.timeline, path=state.path, cluster=state.cluster)
    # Earlier versions noted a date, which says the same of the same server in other words.
    return replace(state, life=UNNOTED) if ":" in state.life else state


def save(config: Config, state: State) -> None:
    """Write it down, whole or not at all."""
    beside = config.state.with_suffix(".new")
    beside.write_text(json.dumps({**asdict(state), "boot": boot_id()}))
    beside.replace(config.state)


def serve(path: Path) -> None:
    """Follow the leader until somebody ends this process.

    Raises:
        OSError, ValueError, KeyError: the configuration cannot be read.
    """
    config = read(path)
    config.data.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    watch = ServersAsked(config.servers)
    config.ready.touch()
    say(f"follows whoever leads, {os.getpid()}")
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await Keeper(config, watch, Effects(config, Agent(config.socket))).run()
    finally:
        await watch.close()
    say("leaves")
