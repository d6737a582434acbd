"""Another leader in order, while requests wait: over when the app is led there.

Patroni answers such an order when it looks the next time, up to a second after it is carried out.
Nobody waits for that answer: what counts is what the failover keepers have done, who follow the
leader on each host with the app.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import partial

import tenfold.engines.patroni.admin as patroni
from tenfold.errors import StepFailed
from tenfold.targets.protocol import HostAgent
from tenfold.topology.process import Command
from tenfold.topology.settings import FailoverSettings
from tenfold.transitions.perform.members import care_of, leads, view_from
from tenfold.transitions.perform.world import World
from tenfold.transitions.steps import cluster as steps

LOOK_SECONDS = 0.03
TO_WHOEVER_LEADS = "requests go on, to whoever leads: tenfold status says who does"


def switch_over(step: steps.SwitchOver, world: World, within_seconds: float) -> None:
    """Have another member lead, and see that the app reaches it.

    Raises:
        StepFailed: Patroni refuses, or the time is up; whoever leads then does so in order.
        TargetError: nobody answers.
    """
    deadline = time.monotonic() + within_seconds
    new, scene = care_of(step.to, world)
    order: Order | None = None
    # What is asked here, users wait for: so once.
    seen = view_from(new, scene)
    if seen is None or seen.leader is None or seen.leader.name != new.host:
        if seen is None or new.host not in seen.in_sync:
            raise StepFailed(
                f"{step.to} is not in sync with {step.leader} any more",
                changed=f"nothing: {step.leader} leads",
                next="tenfold resume    waits for it, and tries again",
            )
        world.sessions.drop(step.leader)
        old, there = care_of(step.leader, world)
        # Patroni carries it out when it looks the next time, and looks at once where it is asked:
        # it is the leader's that has to begin.
        order = Order(lambda: patroni.switch_over(old, there, leader=old.host, candidate=new.host))
    waits = _keepers(step.to, world) or [lambda: leads(new, scene)]
    for is_there in waits:
        while not is_there():
            if order is not None:
                order.require_taken()
            if time.monotonic() > deadline:
                raise _too_long(step, within_seconds)
            time.sleep(LOOK_SECONDS)


class Order:
    """An order whose answer nobody waits for, but which may have been refused."""

    def __init__(self, give: Callable[[], None]) -> None:
        self._give = give
        self._fault: Exception | None = None
        self.is_over = False
        threading.Thread(target=self._run, name="switch over", daemon=True).start()

    def _run(self) -> None:
        try:
            self._give()
        except Exception as fault:  # noqa: BLE001 - whoever waits raises it
            self._fault = fault
        finally:
            self.is_over = True

    def require_taken(self) -> None:
        """Raise what it ended with, if it ended like that."""
        if self._fault is not None:
            raise self._fault


def is_led_to(leader: str, told: str) -> bool:
    """Whether a failover keeper that has written this down is done with following this leader."""
    try:
        state = json.loads(told)
    except ValueError:
        return False  # It has not written anything yet.
    if not isinstance(state, dict):
        return False
    there = state.get("path") == leader and state.get("open") and state.get("verified")
    # While it holds requests itself a command that lets go would not have them go on.
    return bool(there) and not state.get("stale") and not state.get("held")


def _keepers(leader: str, world: World) -> list[Callable[[], bool]]:
    """Of each host that has one and answers: does its keeper lead the app there?"""
    blueprint = world.care or world.blueprint
    found: list[Callable[[], bool]] = []
    for unit in blueprint.topology.of(FailoverSettings):
        agent = world.target.reach(unit.host)
        seen = None if agent is None else agent.observe().unit(unit.name)
        if agent is not None and seen is not None and seen.state == "running":
            path = f"{blueprint.scene(unit).place.data}/state.json"
            found.append(partial(_is_led, leader, agent, path))
    return found


def _is_led(leader: str, agent: HostAgent, path: str) -> bool:
    return is_led_to(leader, agent.run(Command(("cat", path), within_seconds=5.0)).tail)


def _too_long(step: steps.SwitchOver, within_seconds: float) -> StepFailed:
    return StepFailed(
        f"{step.to} did not lead within {within_seconds:.1f} s, for longer requests do not wait",
        changed=TO_WHOEVER_LEADS,
        next="tenfold resume tries again; a longer [transition] max_hold gives it more time",
    )
