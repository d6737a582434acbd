"""A failover meets real workers of which one has its event loop blocked by the app.

With the small worker of the tests: ``tests/unit/targets/test_local_deaf.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.app_process import APPS, HYPERCORN, PLAIN_UVICORN, UVICORN, Kind, Runtime
from tests.support.hosts import POOL, Hosts, Request, hosts, until
from tests.unit.targets.test_local_deaf import block, hold, order, pid, states

from tenfold.runtime import package
from tenfold.runtime.settings import RunSettings
from tenfold.targets.local import LocalAgent
from tenfold.topology.process import Launch, Listen, Probe, Stop, UnitOrder

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300), pytest.mark.few(0)]
KINDS = pytest.mark.parametrize("kind", [UVICORN, PLAIN_UVICORN, HYPERCORN], ids=lambda k: k.name)
WORKERS = 2
WAITING = 20


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    made = Runtime()
    made.folder.chmod(0o755)  # Units run as somebody else where the tests are root's.
    yield made
    made.close()


def serving(agent: LocalAgent, runtime: Runtime, kind: Kind) -> str:
    """A pool of this server that accepts; gives where."""
    endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
    for index in range(WORKERS):
        agent.start(_member(agent, runtime, kind, f"{POOL}.1.{index}"))
    agent.handover(POOL, 1)
    return endpoint


def _member(agent: LocalAgent, runtime: Runtime, kind: Kind, name: str) -> UnitOrder:
    control, told = f"{agent.paths.run}/{name}.sock", runtime.folder / f"{name}.json"
    told.write_text(RunSettings(control=control, release="r1", **kind.settings).to_json())
    launch = Launch(
        argv=(
            str(kind.python()),
            str(runtime.folder / package.LAUNCHER),
            str(told),
            "--fd",
            "{fd:app}",
        ),
        cwd=str(APPS),
        ready=Probe("control", path="/empty", within_seconds=60.0),
        sockets=("app",),
        stop=Stop(within_seconds=10.0),
        control=control,
    )
    return UnitOrder(name, kind.settings["server"], launch, pool=POOL, generation=1, release="r1")


@KINDS
def test_it_holds_before_it_answers_anybody_when_it_hears_again(
    host: Hosts, runtime: Runtime, kind: Kind
) -> None:
    agent = host.up()
    endpoint = serving(agent, runtime, kind)
    deaf, busy = block(agent, endpoint, "/busy?seconds=5")
    (other,) = states(agent).keys() - {deaf}
    assert hold(agent) < 2.0
    assert states(agent) == {deaf: "running", other: "holding"}
    requests = [Request(endpoint) for _ in range(WAITING)]
    assert busy.answer() == "done"
    until(lambda: states(agent)[deaf] == "holding", "it to hold")
    assert all(request.waits(0.05) for request in requests)
    before = {name: pid(agent, name) for name in (deaf, other)}
    assert order(agent, "refresh", port=5432) == {"members": 2, "renewed": 0}
    order(agent, "release", by="failover")
    assert all("greeting" in request.answer() for request in requests)
    assert {name: pid(agent, name) for name in (deaf, other)} == before


@KINDS
def test_one_that_is_deaf_still_is_started_anew_and_nobody_waits(
    host: Hosts, runtime: Runtime, kind: Kind
) -> None:
    agent = host.up()
    endpoint = serving(agent, runtime, kind)
    deaf, busy = block(agent, endpoint, "/busy?seconds=120")
    before = pid(agent, deaf)
    hold(agent)
    order(agent, "drained", within_seconds=0.5, by="failover")
    requests = [Request(endpoint) for _ in range(WAITING)]
    assert order(agent, "refresh", port=5432) == {"members": 2, "renewed": 1}
    order(agent, "release", by="failover")
    assert all("greeting" in request.answer() for request in requests)
    until(lambda: set(states(agent).values()) == {"running"}, "both to accept")
    assert pid(agent, deaf) != before
    assert {unit.restarts for unit in agent.observe().units} == {0}, "it was told to: no crash"
    busy.close()


def test_a_successor_of_the_agent_tells_it_on_and_does_not_end_it(
    host: Hosts, runtime: Runtime
) -> None:
    """Its control thread answers that it accepts, for longer than is waited for it to hold."""
    agent = host.up()
    endpoint = serving(agent, runtime, UVICORN)
    deaf, busy = block(agent, endpoint, "/busy?seconds=20")
    (other,) = states(agent).keys() - {deaf}
    hold(agent)
    old = host.agent_pid()
    host.kill(old)
    until(lambda: host.agent_pid() != old, "a successor")
    until(lambda: states(agent) == {deaf: "running", other: "holding"}, "it to be asked once")
    request = Request(endpoint)
    assert busy.answer() == "done"
    until(lambda: states(agent)[deaf] == "holding", "it to hold")
    assert request.waits(0.05)
    order(agent, "release", by="failover")
    assert "greeting" in request.answer()
    assert {unit.restarts for unit in agent.observe().units} == {0}
