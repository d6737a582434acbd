"""kill -9 at random moments of one deployment after the other: it always ends as ordered."""

from __future__ import annotations

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from tests.support.hosts import POOL, Hosts, Knocker, get, hosts, member, until

from tenfold.errors import TargetError, UnitFailed
from tenfold.targets.local import LocalAgent
from tenfold.topology.process import Listen

pytestmark = pytest.mark.timeout(600)


def deploy(host: Hosts, generation: int) -> None:
    """As a command does it that is given again when the host went away."""
    for _ in range(20):
        try:
            agent = host.up()
            for index in range(2):
                agent.start(member(agent, index, generation=generation))
            agent.handover(POOL, generation)
        except (TargetError, UnitFailed):
            time.sleep(0.05)  # Let whoever kills get on; how often it is tried is bounded.
        else:
            return
    raise AssertionError(f"generation {generation} was not deployed")


def strike(host: Hosts, agent: LocalAgent, chance: random.Random) -> str:
    """Kill something, if it is there at this moment; tells what."""
    time.sleep(chance.uniform(0.0, 0.8))
    kind = chance.choice(["agent", "keeper", "both", "worker"])
    if kind == "worker":
        victims = host.processes()
        pids = [chance.choice(victims).pid] if victims else []
    else:
        wanted = {"agent": ["__main__"], "keeper": ["keeper.py"], "both": ["agent/"]}[kind]
        pids = [p.pid for p in host.daemons("vm1") if any(w in named(p) for w in wanted)]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return kind


def named(process: psutil.Process) -> str:
    """The script that an agent or a keeper executes."""
    try:
        return next((word for word in process.cmdline() if word.endswith(".py")), "")
    except psutil.Error:
        return ""


def test_deployments_end_as_ordered_whatever_is_killed(crash_rounds: int) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    print(f"seed {seed}")
    with hosts() as host:
        agent = host.up()
        endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
        deploy(host, 1)
        with Knocker(endpoint) as knocker, ThreadPoolExecutor() as pool:
            for generation in range(2, 2 + 2 * crash_rounds):
                order = pool.submit(deploy, host, generation)
                kind = strike(host, agent, chance)
                order.result(timeout=120)
                wanted = {f"app.{generation}.{n}": "running" for n in range(2)}
                until(lambda wanted=wanted: seen(host) == wanted, f"{wanted} after {kind}")
        assert not [fault for fault in knocker.faults if "refused" in fault.lower()]
        assert get(endpoint).startswith(f"r{1 + 2 * crash_rounds} ")
        running = {u.pid for u in host.up().observe().units}
        assert {p.pid for p in host.processes()} == running


def seen(host: Hosts) -> dict[str, str]:
    return {unit.name: unit.state for unit in host.up().observe().units}
