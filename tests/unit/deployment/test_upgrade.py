"""Whatever ends an upgrade, nobody waits behind a change of leaders in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.topologies import two_zones
from tests.unit.transitions.test_holding_several import HOLD, POOLS, SWITCH, Deaf, SilentBehind
from tests.unit.transitions.test_perform import Shelf, blueprint, do

from tenfold.deployment import hosts, upgrade
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Interrupted, JournalError, StepFailed, Superseded
from tenfold.state.layout import Layout
from tenfold.targets.memory import MemoryTarget
from tenfold.topology.observation import Observation, ObservedHost
from tenfold.transitions import steps as st
from tenfold.transitions.crossing import Terms
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.perform import World
from tenfold.transitions.perform.evidence import Evidence
from tenfold.transitions.perform.serving import STALE
from tenfold.transitions.perform.switching import TO_WHOEVER_LEADS
from tenfold.transitions.planner import Plan
from tenfold.transitions.steps import to_json

RENEW = st.RenewServer("app1/endpoint")


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    (tmp_path / "tenfold.toml").write_text('name = "shop"\napp = "shop:app"\n')
    return Deployment.open(Layout(tmp_path))


class StandsBy:
    """Who stands by, and what it hears."""

    def __init__(self) -> None:
        self.heard: list[float | None] = []
        self.there = False

    @contextlib.contextmanager
    def __call__(self, layout: Layout) -> Iterator[Any]:
        self.there = True
        yield self.heard.append
        self.there = False


def test_behind_a_change_of_leaders_nobody_waits_and_somebody_stands_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The members of etcd were restarted a moment ago: the journal may be silent for a while."""
    target = MemoryTarget()
    journal = SilentBehind(tmp_path / "journal.db")
    world = World(blueprint(two_zones(), target), target, journal, Shelf())
    for path in POOLS:
        do(world, st.WarmPool(path, 1, "r1", 2), st.Handover(path, 1, "r1"))
    goal = SimpleNamespace(release="r1", topology=world.blueprint.topology)
    intent = SimpleNamespace(
        blueprint=world.blueprint, target=target, releases=world.releases, goal=goal, title="shop"
    )
    made: Any = SimpleNamespace(journal=journal, layout=None)
    found: Any = SimpleNamespace(intent=intent)
    watch, evidence = StandsBy(), Evidence()
    monkeypatch.setattr(upgrade, "standing_by", watch)
    monkeypatch.setattr(upgrade, "terms_of", lambda deployment, release: Terms())
    deaf: Any = Deaf()
    todo = Plan("upgrade", (HOLD, SWITCH, *(st.Release(path) for path in POOLS)))
    with pytest.raises(JournalError, match="silent"):
        upgrade._run(made, found, todo, deaf, world.sessions, evidence)
    assert [agent.held for agent in target.agents.values() if agent.held] == []
    assert not evidence.waits()
    assert watch.heard[0] is not None
    assert watch.heard[-1] is None
    assert not evidence.is_watched
    claims = {
        name: [o for o, _ in agent.orders].count("claim") for name, agent in target.agents.items()
    }
    assert set(claims.values()) == {1}


def test_who_stands_by_ends_nobody_whose_workers_are_about_to_start(tmp_path: Path) -> None:
    target = MemoryTarget()
    journal = SqliteJournal(tmp_path / "journal.db")
    world = World(blueprint(two_zones(), target), target, journal, Shelf())
    for path in POOLS:
        do(world, st.WarmPool(path, 1, "r1", 2), st.Handover(path, 1, "r1"))
    heard: list[float | None] = []
    world.evidence.expect = heard.append
    (server, *_) = (u.path for u in two_zones().units if "edge" not in u.path)
    do(world, HOLD, st.RenewServer(server))
    assert world.evidence.lost
    assert world.evidence.waits()
    assert heard[-1] is None
    assert not world.evidence.is_watched


def test_who_was_overtaken_does_not_take_over_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def overtaken(*_: object) -> None:
        tries.append(1)
        deployment.journal.end(deployment.journal.begin("upgrade", ()), "failed")
        raise Superseded("another command has taken over")

    monkeypatch.setattr(upgrade, "_run", overtaken)
    found: Any = SimpleNamespace(intent=None, todo=Plan("upgrade", ()))
    deaf: Any = Deaf()
    with pytest.raises(Superseded):
        upgrade.carry_out(deployment, found, deaf)
    assert tries == [1]


def test_it_is_told_where_requests_go_unless_they_wait_for_new_workers(
    deployment: Deployment,
) -> None:
    told = upgrade._told(KeyboardInterrupt(), deployment, Evidence(ordered=True))
    assert isinstance(told, Interrupted)
    assert TO_WHOEVER_LEADS in (told.changed or "")
    assert "tenfold upgrade" in (told.next or "")
    lost = upgrade._told(StepFailed("late"), deployment, Evidence(ordered=True, lost=True))
    assert TO_WHOEVER_LEADS not in (lost.changed or "")


@pytest.mark.parametrize(
    ("steps", "stale", "lets_go"),
    [
        ((HOLD, SWITCH), False, True),
        ((HOLD, SWITCH), True, True),
        ((HOLD, SWITCH, RENEW), False, True),
        ((HOLD, SWITCH, RENEW), True, False),
    ],
)
def test_who_stands_by_lets_go_unless_workers_have_lost_their_sessions(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    steps: tuple[st.Step, ...],
    stale: bool,
    lets_go: bool,
) -> None:
    released: list[str] = []
    agent = SimpleNamespace(release=released.append)
    held = Observation((ObservedHost("app1", "127.0.0.1", "running", held=(("app", 1.0),)),))
    monkeypatch.setattr(Deployment, "observe", lambda self, silent: held)
    monkeypatch.setattr(type(deployment.target), "reach", lambda self, host: agent)
    hosts.let_go(deployment)
    assert released == []
    deployment.journal.begin("upgrade", tuple(to_json(step) for step in steps))
    deployment.journal.set(STALE, stale or None)
    hosts.let_go(deployment)
    assert released == (["app"] if lets_go else [])
