"""Steps performed on the memory target: orders given, facts recorded, faults passed on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.plain_engine import Plain
from tests.support.topologies import one_host, two_zones

from tenfold.engines.protocol import ReleasePlace
from tenfold.errors import StepFailed, UnitFailed
from tenfold.secret import Secret
from tenfold.targets.memory import MemoryTarget
from tenfold.targets.protocol import Finished
from tenfold.topology.model import Pool, Topology
from tenfold.topology.process import Command
from tenfold.topology.settings import EdgeSettings, WorkerSettings
from tenfold.transitions import steps as st
from tenfold.transitions.blueprint import Blueprint
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.perform import World, perform
from tenfold.transitions.telling import Lasting

ROLES = ("superuser", "owner", "app", "replication")


class Shelf:
    """Releases that are there when they are asked for."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.served: list[str] = []
        self.kept: list[str] = []
        self.collected = 0
        self.published: list[str] = []
        self.pruned: list[tuple[int, frozenset[str]]] = []

    def build(self, release: str, tell: Callable[[str], None]) -> None:
        self.built.append(release)

    def place(self, release: str) -> ReleasePlace:
        return ReleasePlace(release, f"/releases/{release}", "/envs/e/bin/python", "/runtime")

    def publish(self, release: str, hosts: Mapping[str, str]) -> None:
        self.published.append(release)

    def keep(self, directory: str, tell: Callable[[str], None]) -> None:
        self.kept.append(directory)

    def collect(self) -> None:
        self.collected += 1

    def record_served(self, release: str) -> None:
        self.served.append(release)

    def prune(self, keep: int, needed: frozenset[str]) -> None:
        self.pruned.append((keep, needed))


def blueprint(topology: Topology, target: MemoryTarget) -> Blueprint:
    names = {m.engine for m in topology.members()}
    return Blueprint(
        topology=topology,
        engines={name: Plain(name) for name in names},
        hosts={h.name: target.locate(h) for h in topology.hosts},
        binaries={},
        secrets={f"main.{role}": Secret(f"{role}-password") for role in ROLES},
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    target = MemoryTarget()
    return World(
        blueprint=blueprint(one_host(), target),
        target=target,
        journal=SqliteJournal(tmp_path / "journal.db"),
        releases=Shelf(),
    )


def do(world: World, *steps: st.Step) -> None:
    for step in steps:
        perform(step, world, lambda text: None)


def memory(world: World) -> MemoryTarget:
    assert isinstance(world.target, MemoryTarget)
    return world.target


def states(world: World) -> dict[str, str]:
    return {u.name: u.state for u in memory(world).agents["vm1"].units.values()}


WARM = st.WarmPool("vm1/app", 1, "r1", 2)
OVER = st.Handover("vm1/app", 1, "r1")


def test_a_host_owns_its_sockets_from_the_start(world: World) -> None:
    do(world, st.EnsureHost("vm1"))
    assert memory(world).agents["vm1"].sockets == {
        "app": "127.0.0.1:8000",
        "public": "127.0.0.1:8000",
    }


def test_every_step_may_be_performed_twice(world: World) -> None:
    for step in (st.EnsureHost("vm1"), st.StartUnit("vm1/edge"), WARM, OVER):
        do(world, step)
        before = states(world)
        do(world, step)
        assert states(world) == before
    assert states(world) == {"edge": "running", "app.1.1": "running", "app.1.2": "running"}


def test_warm_workers_carry_release_generation_and_fingerprint(world: World) -> None:
    do(world, WARM)
    unit = memory(world).agents["vm1"].units["app.1.2"]
    assert (unit.pool, unit.generation, unit.release, unit.state) == ("app", 1, "r1", "warm")
    assert unit.fingerprint == world.placed("r1").fingerprints()["vm1/app"]


def test_an_app_that_may_create_its_tables_starts_one_worker_first(tmp_path: Path) -> None:
    target = MemoryTarget(["vm1"])
    target.fail("start", "app.1.1", UnitFailed("relation exists"))
    world = World(
        blueprint(one_host(separate_owner=False), target),
        target,
        SqliteJournal(tmp_path / "journal.db"),
        Shelf(),
    )
    with pytest.raises(UnitFailed):
        do(world, WARM)
    assert ("start", "app.1.2") not in target.agents["vm1"].orders


def test_discarding_a_generation_leaves_the_others(world: World) -> None:
    do(world, WARM, OVER, st.WarmPool("vm1/app", 2, "r2", 2))
    do(world, st.DiscardGeneration("vm1/app", 2))
    assert states(world) == {"app.1.1": "running", "app.1.2": "running"}


def test_a_handover_to_workers_that_are_gone_leaves_whoever_serves(world: World) -> None:
    do(world, WARM, OVER)
    with pytest.raises(UnitFailed, match="is gone"):
        do(world, st.Handover("vm1/app", 2, "r2"))
    assert set(states(world).values()) == {"running"}


def test_what_served_is_recorded_only_behind_the_handover(world: World) -> None:
    shelf = world.releases
    assert isinstance(shelf, Shelf)
    do(world, WARM)
    memory(world).fail("handover", "app", UnitFailed("broke off"))
    with pytest.raises(UnitFailed):
        do(world, OVER)
    assert shelf.served == []
    do(world, OVER)
    assert shelf.served == ["r1"]


def test_how_long_a_handover_took_is_kept(world: World) -> None:
    do(world, WARM)
    assert "handover_seconds" not in world.journal.facts()
    do(world, OVER)
    assert 0 <= world.journal.facts()["handover_seconds"] < 60


def test_releases_that_run_are_never_pruned(world: World) -> None:
    shelf = world.releases
    assert isinstance(shelf, Shelf)
    do(world, WARM, OVER, st.PruneReleases(5))
    assert shelf.pruned == [(5, frozenset({"r1"}))]


def test_a_migration_runs_once_as_the_owner_in_the_release(world: World) -> None:
    ran: list[Command] = []

    def command(asked: Command) -> Finished:
        ran.append(asked)
        return Finished(0, "")

    do(world, st.EnsureHost("vm1"))
    memory(world).agents["vm1"].commands = command
    do(world, st.Migrate("r1", "alembic upgrade 'the head'"))
    assert ran[0].argv == ("alembic", "upgrade", "the head")
    assert ran[0].cwd == "/releases/r1"
    url = ran[0].env["DATABASE_URL"]
    assert isinstance(url, Secret)
    assert "tenfold_owner:owner-password@" in url.reveal()
    assert world.journal.facts()["migrated"] == ["r1"]


def test_a_failed_migration_is_not_recorded_and_says_what_it_said(world: World) -> None:
    do(world, st.EnsureHost("vm1"))
    memory(world).agents["vm1"].commands = lambda asked: Finished(3, "column slug exists")
    with pytest.raises(StepFailed, match="exited 3") as caught:
        do(world, st.Migrate("r1", "alembic upgrade head"))
    assert caught.value.detail == "column slug exists"
    assert "migrated" not in world.journal.facts()


def test_a_unit_with_changed_files_is_reloaded_not_restarted(world: World) -> None:
    do(world, st.EnsureHost("vm1"), st.StartUnit("vm1/edge"))
    agent = memory(world).agents["vm1"]
    pid = agent.units["edge"].pid
    topology = world.blueprint.topology
    units = tuple(
        replace(u, settings=EdgeSettings(max_body_bytes=1)) if u.name == "edge" else u
        for u in topology.units
    )
    changed = replace(topology, units=units)
    world = replace(world, blueprint=replace(world.blueprint, topology=changed))
    agent.orders.clear()
    do(world, st.RestartUnit("vm1/edge"))
    assert ("reload", "edge") in agent.orders
    assert agent.units["edge"].pid == pid


def test_stopping_what_is_not_there_is_fine(world: World) -> None:
    do(world, st.StopUnit("vm1/edge"), st.StopHost("vm1"), st.DiscardGeneration("vm1/app", 3))
    assert memory(world).agents == {}


def test_fingerprints_follow_settings_and_release_but_not_directories(world: World) -> None:
    first = world.placed("r1").fingerprints()
    moved = replace(
        world.blueprint, release=ReleasePlace("r1", "/elsewhere", "/other/python", "/runtime2")
    )
    assert moved.fingerprints() == first
    second = world.placed("r2").fingerprints()
    assert second["vm1/app"] != first["vm1/app"]
    assert second["vm1/edge"] == first["vm1/edge"]


def test_fingerprints_know_a_changed_password_without_showing_it(world: World) -> None:
    changed = replace(
        world.blueprint, secrets={**world.blueprint.secrets, "main.app": Secret("another")}
    )
    assert changed.prepared() != world.blueprint.prepared()
    assert "another" not in repr(changed)


@pytest.fixture
def working(tmp_path: Path) -> World:
    """A world with two workers called ``mail``."""
    target = MemoryTarget(["vm1"])
    mail = Pool(
        "mail",
        "worker",
        "vm1",
        WorkerSettings("rq worker", single=False),
        2,
        2,
        after=("postgres",),
    )
    topology = replace(one_host(), pools=(*one_host().pools, mail))
    journal = SqliteJournal(tmp_path / "journal.db")
    return World(blueprint(topology, target), target, journal, Shelf())


MAIL = st.StartWorkers("vm1/mail", 1, "r1", 2)


def test_workers_work_from_the_start_behind_what_they_need(working: World) -> None:
    do(working, MAIL)
    assert states(working) == {"mail.1.1": "running", "mail.1.2": "running"}
    order = memory(working).agents["vm1"].launches["mail.1.1"]
    assert (order.background, order.after, order.release) == (True, ("postgres",), "r1")


def test_what_rests_is_woken_or_forgotten(working: World) -> None:
    do(working, MAIL, st.RestWorkers("vm1/mail"))
    assert set(states(working).values()) == {"resting"}
    do(working, st.WakeWorkers("vm1/mail"))
    assert set(states(working).values()) == {"running"}
    do(working, replace(MAIL, generation=2, release="r2"), st.RestWorkers("vm1/mail", but=2))
    assert states(working)["mail.1.1"] == "resting"
    assert states(working)["mail.2.1"] == "running"
    do(working, st.WakeWorkers("vm1/mail", but=2), st.ForgetWorkers("vm1/mail", 2))
    assert set(states(working)) == {"mail.2.1", "mail.2.2"}
    do(working, st.StopWorkers("vm1/mail", 2))
    assert states(working) == {}


def test_a_worker_with_a_long_job_puts_a_move_off_and_is_named(working: World) -> None:
    do(working, MAIL)
    memory(working).agents["vm1"].busy.add("mail.1.2")
    with pytest.raises(StepFailed) as caught:
        do(working, st.RestWorkers("vm1/mail", postpone_seconds=600.0))
    assert caught.value.what == (
        "the switch was put off for 600 s: mail.1.2 has not finished its jobs within 600 s"
    )
    assert "no job was cut off" in (caught.value.changed or "")
    assert "[workers.mail] stop_signal" in (caught.value.next or "")


def test_a_worker_that_a_deploy_kills_is_told_to_stay_on_the_screen(working: World) -> None:
    do(working, MAIL)
    memory(working).agents["vm1"].busy.add("mail.1.2")
    told: list[str] = []
    perform(st.RestWorkers("vm1/mail"), working, told.append)
    assert [text for text in told if isinstance(text, Lasting)] == ["mail.1.2 was killed"]
    assert set(states(working).values()) == {"resting"}


def test_workers_of_a_host_that_is_gone_need_no_rest(working: World) -> None:
    do(working, MAIL)
    memory(working).kill("vm1")
    do(working, st.RestWorkers("vm1/mail"), st.WakeWorkers("vm1/mail"))
    do(working, st.ForgetWorkers("vm1/mail", 2), st.StopWorkers("vm1/mail", 1))


def test_what_waits_in_vain_for_a_database_does_not_put_the_switch_off(world: World) -> None:
    do(world, WARM, OVER)
    agent = memory(world).agents["vm1"]
    agent.requests["app"] = (3, 120.0)
    with pytest.raises(StepFailed, match="put off"):
        do(world, st.Hold("vm1/app", 5.0, 0.0))
    do(world, st.Hold("vm1/app", 5.0, 0.0, in_vain=True))
    assert "app" in agent.held


def test_a_host_that_is_about_to_leave_has_an_agent_still(world: World) -> None:
    both = replace(world, care=blueprint(two_zones(), memory(world)))
    gone = {h.name for h in two_zones().hosts} - {h.name for h in one_host().hosts}
    for host in gone:
        both.agent(host)
    assert gone
    assert gone <= set(memory(both).agents)
    with pytest.raises(KeyError):
        both.agent("nowhere")
