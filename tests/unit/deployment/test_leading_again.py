"""What a command is told behind which a fenced leader led again, and when it is told nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.transitions.test_perform import Shelf, blueprint

from tenfold.deployment import leading_again
from tenfold.engines.postgresql import orders
from tenfold.engines.postgresql.disk import DiskState
from tenfold.errors import LeftHalfDone, StepFailed, TenfoldError
from tenfold.targets.memory import MemoryTarget
from tenfold.targets.protocol import Finished
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.process import Command
from tenfold.topology.settings import DatabaseSettings
from tenfold.transitions import steps as st
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.perform.evidence import Evidence

OLD, NEW = "app1/postgres", "db1/postgres"
FENCED = DiskState(True, "fenced", "shut down", "0/1", "0/1", 1, "7", None, 0)
LEADS = replace(FENCED, signal="none", state="in production", postmaster=7, processes=5)
SWITCH = (st.Fence(OLD, NEW), st.AwaitLast(NEW, OLD))
NOWHERE = "writes go nowhere until the move goes on: vm1/postgres was told to accept none"
AGAIN = "the switch was taken back: writes go to vm1/postgres, as before it"


class Silently:
    def started(self, step: st.Step) -> None: ...
    def progress(self, step: st.Step, text: str) -> None: ...
    def finished(self, step: st.Step, seconds: float) -> None: ...
    def failed(self, step: st.Step, error: BaseException) -> None: ...
    def backing_out(self, steps: tuple[st.Step, ...]) -> None: ...


def told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, state: DiskState, error: TenfoldError
) -> list[str]:
    """What the error says has changed; ``vm1`` is what people call the move's ``app1``."""
    here = MemoryTarget().named({"vm1": "one"})
    here.ensure(Host("vm1"))
    there = here.named({"app1": "one", "db1": "two"})
    there.agents["one"].commands = lambda asked: Finished(0, json.dumps(asdict(state)))
    settings = DatabaseSettings(database="shop")
    units = tuple(Unit("postgres", "postgresql", host, settings) for host in ("app1", "db1"))
    topology = Topology("shop", "100", (Host("app1"), Host("db1")), units)
    plan = blueprint(topology, there)
    made = Command(argv=("order",), cwd="/", within_seconds=10.0)
    for order in ("disk_state", "unfence"):
        monkeypatch.setattr(orders, order, lambda *_: made)
    journal: Any = SqliteJournal(folder / "journal.db")
    journal.place = None
    number = journal.begin("grow", tuple(st.to_json(s) for s in SWITCH))
    for position in range(len(SWITCH)):
        journal.intend(number, position)
    journal.end(number, "failed")
    intent: Any = SimpleNamespace(blueprint=plan, target=there, releases=Shelf())
    deployment: Any = SimpleNamespace(journal=journal, target=here)
    monkeypatch.setattr(leading_again, "_intent", lambda *_: intent)
    leading_again.lead_again_behind(error, deployment, Silently(), Evidence())
    assert not leading_again.is_due(deployment)
    return (error.changed or "").splitlines()


def test_it_is_told_as_people_know_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = StepFailed("db1 is silent", changed=f"nothing else\n{NOWHERE}")
    assert told(tmp_path, monkeypatch, FENCED, error) == [AGAIN]


def test_what_else_could_not_be_taken_back_stays_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = LeftHalfDone("not completely", changed=f"stop db1/app: it is silent\n{NOWHERE}")
    changed = told(tmp_path, monkeypatch, FENCED, error)
    assert changed[0] == "stop db1/app: it is silent"
    assert changed[1].startswith("then the switch was taken back all the same")
    assert changed[1].endswith("writes go to vm1/postgres, as before it")
    assert len(changed) == 2


def test_where_it_led_already_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ["stop db1/app: it is silent", "writes go to vm1/postgres, as before"]
    error = LeftHalfDone("not completely", changed="\n".join(before))
    assert told(tmp_path, monkeypatch, LEADS, error) == before
