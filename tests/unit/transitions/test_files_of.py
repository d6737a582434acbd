"""A database endpoint's file leads to whoever leads when it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest
from tests.support.plain_engine import Plain
from tests.unit.transitions.test_clustering import goal
from tests.unit.transitions.test_perform import Shelf

from tenfold.engines.patroni import probe
from tenfold.engines.patroni.probe import ClusterView, MemberState
from tenfold.engines.protocol import Scene
from tenfold.errors import TargetError
from tenfold.targets.memory import MemoryAgent, MemoryTarget
from tenfold.targets.protocol import Finished
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import File
from tenfold.topology.settings import EndpointSettings, PatroniSettings
from tenfold.transitions import steps as st
from tenfold.transitions.blueprint import Blueprint
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.perform import World, members, perform

DB1, DB2 = "db1/postgres", "db2/postgres"


@dataclass(frozen=True)
class SaysWhoLeads(Plain):
    """Writes down whom its scene has as leader."""

    def render(self, unit: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        return (File(f"{scene.place.config}/leads", scene.leaders["main"]),)


@pytest.fixture
def world(tmp_path: Path) -> World:
    wanted, target = goal("1k"), MemoryTarget()
    names = {m.engine for m in wanted.topology.members()}
    made = Blueprint(
        topology=wanted.topology,
        engines={name: SaysWhoLeads(name) for name in names},
        hosts={h.name: target.locate(h) for h in wanted.topology.hosts},
        binaries={},
        secrets={},
        leaders=wanted.leaders,
    )
    return World(made, target, SqliteJournal(tmp_path / "journal.db"), Shelf())


def led(world: World, kind: type) -> set[str]:
    units = world.blueprint.topology.of(kind)
    return {str(file.text) for unit in units for file in members.files_of(unit, world)}


def leader(name: str) -> ClusterView:
    return ClusterView((MemberState(name, "leader", "running", 2, 0, False, False),), False)


def silent() -> NoReturn:
    raise TargetError("nobody answers")


def test_whoever_leads_gets_what_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "observe", lambda unit, scene: leader("db2"))
    assert led(world, EndpointSettings) == {DB2}
    assert led(world, PatroniSettings) == {DB1}, "these are made for whoever leads"


@pytest.mark.parametrize("told", [None, replace(leader("db2"), members=())])
def test_where_nobody_says_who_leads_an_endpoint_leads_to_where_it_did(
    world: World, monkeypatch: pytest.MonkeyPatch, told: ClusterView | None
) -> None:
    """To the first one it would be: with that one dead, every request of its host would fail."""
    monkeypatch.setattr(probe, "observe", lambda unit, scene: told or silent())
    there(world, 0)
    assert led(world, EndpointSettings) == set()
    there(world, 1)
    assert led(world, EndpointSettings) == {DB1}, "a new one is as declared"


def there(world: World, code: int) -> None:
    """Whether files lie on the hosts: what ``test -e`` says of each."""
    for host in world.blueprint.topology.hosts:
        agent = world.target.ensure(host)
        assert isinstance(agent, MemoryAgent)
        agent.commands = lambda command: Finished(code, "")


def test_an_endpoint_that_kept_its_file_is_not_taken_for_what_a_plan_wants(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else no later plan, of which somebody can say who leads, would write it."""
    endpoint = world.blueprint.topology.of(EndpointSettings)[0]
    wanted = world.blueprint.fingerprint(endpoint)
    there(world, 0)
    monkeypatch.setattr(probe, "observe", lambda unit, scene: silent())
    assert started(world, endpoint) is None
    monkeypatch.setattr(probe, "observe", lambda unit, scene: leader("db2"))
    assert started(world, endpoint) == wanted


def started(world: World, endpoint: Unit | Pool) -> str | None:
    """The fingerprint with which a plan's step has it run."""
    perform(st.StartUnit(endpoint.path), world, lambda text: None)
    seen = world.agent(endpoint.host).observe().unit(endpoint.name)
    assert seen is not None
    return seen.fingerprint


def test_one_that_does_not_answer_is_passed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def observe(unit: Unit, scene: object) -> ClusterView:
        return silent() if unit.path == DB1 else leader("db2")

    monkeypatch.setattr(probe, "observe", observe)
    assert led(world, EndpointSettings) == {DB2}
