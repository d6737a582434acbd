"""Letting a fenced leader lead again, and asking a follower to: what is looked at before, and told
behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.transitions.test_perform import Shelf, blueprint

from tenfold.engines.postgresql import orders, switch
from tenfold.engines.postgresql.disk import DiskState
from tenfold.errors import Refused, Superseded, TargetError, TenfoldError, UnitFailed
from tenfold.targets.memory import MemoryTarget
from tenfold.targets.protocol import Finished
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.process import Command
from tenfold.topology.settings import DatabaseSettings
from tenfold.transitions import steps as st
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.perform import World, databases, perform

OLD, NEW = "app1/postgres", "db1/postgres"
FENCED = DiskState(True, "fenced", "shut down", "0/1", "0/1", 1, "7", None, 0)
FOLLOWS = replace(FENCED, signal="follows", state="in archive recovery", postmaster=7, processes=5)
LEADS = replace(FOLLOWS, signal="none", state="in production")
SILENT = TargetError("the agent of db1 is silent")
SWITCH = (st.Fence(OLD, NEW), st.AwaitLast(NEW, OLD), st.Promote(NEW, OLD))


@dataclass
class Site:
    """An old leader and its successor, of which each says what its disk has."""

    world: World
    target: MemoryTarget
    looks: list[Command] = field(default_factory=list)

    def has(self, host: str, state: DiskState) -> None:
        def command(asked: Command) -> Finished:
            if asked.argv == ("disk-state",):
                self.looks.append(asked)
                return Finished(0, json.dumps(asdict(state)))
            return Finished(0, "")

        self.target.agents[host].commands = command

    def came(self, to: st.Step) -> None:
        """A command that was killed intended its steps up to this one."""
        journal = self.world.journal
        number = journal.begin("grow", tuple(st.to_json(s) for s in SWITCH))
        for position in range(SWITCH.index(to) + 1):
            journal.intend(number, position)

    def unfence(self) -> None:
        perform(st.Unfence(OLD, NEW), self.world, lambda text: None)

    @property
    def leads_again(self) -> bool:
        return "postgres" in self.target.agents["app1"].units


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    settings = DatabaseSettings(database="shop")
    hosts = ("app1", "db1")
    units = tuple(Unit("postgres", "postgresql", host, settings) for host in hosts)
    topology = Topology("shop", "100", tuple(map(Host, hosts)), units)
    target = MemoryTarget(hosts)
    for order in ("disk-state", "unfence"):
        made = Command(argv=(order,), cwd="/", within_seconds=10.0)
        monkeypatch.setattr(orders, order.replace("-", "_"), lambda *_, made=made: made)
    journal = SqliteJournal(tmp_path / "journal.db")
    found = Site(World(blueprint(topology, target), target, journal, Shelf()), target)
    found.has("app1", FENCED)
    found.has("db1", FOLLOWS)
    return found


def test_by_the_journal_alone_it_leads_again_where_the_other_side_is_silent(site: Site) -> None:
    site.came(to=SWITCH[1])
    site.target.fail("run", "disk-state", SILENT, host="db1")
    site.unfence()
    assert site.leads_again


def test_a_disk_that_says_otherwise_counts_for_more_than_the_journal(site: Site) -> None:
    site.came(to=SWITCH[1])
    site.has("db1", LEADS)
    with pytest.raises(Refused, match="leads already"):
        site.unfence()
    assert not site.leads_again
    (look,) = site.looks
    assert look.within_seconds is not None
    assert look.within_seconds <= 1.0


def test_an_overtaken_command_is_not_taken_for_silence(site: Site) -> None:
    site.came(to=SWITCH[1])
    site.target.fail("run", "disk-state", Superseded("another command"), host="db1")
    with pytest.raises(Superseded):
        site.unfence()
    assert not site.leads_again


@pytest.mark.parametrize("put_back", [False, True])
def test_where_somebody_may_have_been_asked_silence_is_no_answer(
    site: Site, put_back: bool
) -> None:
    site.came(to=SWITCH[1 if put_back else 2])
    if put_back:
        site.world.journal.skip_epochs()  # type: ignore[attr-defined]
    site.target.fail("run", "disk-state", SILENT, host="db1")
    with pytest.raises(TargetError):
        site.unfence()
    assert not site.leads_again


def test_whoever_fenced_it_needs_no_look(site: Site) -> None:
    site.world.evidence.fencing.add(OLD)
    site.target.fail("run", "disk-state", SILENT, host="db1")
    site.unfence()
    assert site.leads_again


def test_while_it_does_not_run_again_it_is_told_to_be_fenced(site: Site) -> None:
    site.world.evidence.fencing.add(OLD)
    site.target.fail("start", "postgres", UnitFailed("the disk is full"), host="app1")
    with pytest.raises(UnitFailed):
        site.unfence()
    assert OLD in site.world.evidence.fencing
    site.unfence()
    assert OLD not in site.world.evidence.fencing


class Session:
    """Of a follower that does what it is asked."""

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        yield


@pytest.mark.parametrize("waits", [True, False])
def test_whoever_stands_by_expects_news_of_a_promotion_only_while_somebody_waits(
    site: Site, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    expected: list[float | None] = []
    evidence, sessions = site.world.evidence, site.world.sessions
    if waits:
        evidence.began([], 0.0, postponed=0.0, within_seconds=5.0)
    evidence.expect = expected.append
    asked: list[Any] = []
    monkeypatch.setattr(sessions, "at", lambda *_: Session())
    monkeypatch.setattr(switch, "follows", lambda session: True)
    monkeypatch.setattr(switch, "promote", asked.append)
    monkeypatch.setattr(switch, "wait_until_writable", lambda *_, **__: None)
    perform(SWITCH[2], site.world, lambda text: None)
    assert asked
    assert bool(expected) == waits


def test_a_comparison_goes_on_where_the_processor_cannot_be_left_to_others(site: Site) -> None:
    faults: list[TenfoldError] = [UnitFailed("the order took over 10 s"), SILENT]
    for host, fault in zip(("app1", "db1"), faults, strict=True):
        site.target.fail("run", "/bin/sh", fault, host=host)
    databases._stand_back(site.world, {"app1": 1, "db1": 2})
    assert not any(agent.faults for agent in site.target.agents.values())
