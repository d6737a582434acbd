"""Whatever ends the first plan of an app, nothing is pinned by it when everything is taken back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tenfold.deployment import applied, work
from tenfold.deployment.carrying import carry_claimed
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.intent import Intent
from tenfold.errors import Interrupted, JournalError, Refused, Superseded
from tenfold.state.layout import Layout
from tenfold.targets.memory import MemoryTarget
from tenfold.topology.model import Host
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.perform import World
from tenfold.transitions.planner import Plan
from tenfold.transitions.steps import EnsureHost, Step

PLAN = Plan("up", (EnsureHost("vm1"),))
PORT = 8123
NOBODY: Any = None
"""For what a plan without steps asks nothing of."""


class Gone:
    """Whoever reads what the command says has gone, or ends it, as the first step begins."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.backed_out: tuple[Step, ...] = ()

    def started(self, step: Step) -> None:
        raise self.error

    def progress(self, step: Step, text: str) -> None: ...
    def finished(self, step: Step, seconds: float) -> None: ...
    def failed(self, step: Step, error: BaseException) -> None: ...
    def backing_out(self, steps: tuple[Step, ...]) -> None:
        self.backed_out = steps


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Of pages that another program makes: with nothing to be built or started."""
    (tmp_path / "tenfold.toml").write_text(
        'name = "pages"\n[static]\nbuild = "true"\noutput = "pages"\n'
    )
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.html").write_text("<p>here</p>")
    return Deployment.open(Layout(tmp_path))


def intended(deployment: Deployment) -> Intent:
    return work.intend(deployment, port=PORT, position="1")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BrokenPipeError("nobody reads"), BrokenPipeError),
        (OSError("no room"), OSError),
        (ZeroDivisionError("a bug"), ZeroDivisionError),
        (KeyboardInterrupt(), Interrupted),
    ],
)
def test_a_first_plan_that_is_taken_back_pins_nothing(
    deployment: Deployment, error: BaseException, told: type[BaseException]
) -> None:
    listener = Gone(error)
    with pytest.raises(told):
        work.carry_out(deployment, PLAN, intended(deployment), listener)
    assert listener.backed_out
    facts = deployment.facts()
    assert [facts.get(key) for key in (applied.FACT, "position", "port")] == [None] * 3
    record = deployment.journal.last()
    assert record is not None
    assert record.outcome == "backed-out"


def test_a_later_one_leaves_the_app_where_it_was(deployment: Deployment) -> None:
    work.carry_out(deployment, Plan("up", ()), intended(deployment), Gone(OSError()))
    known = deployment.facts()
    assert known["position"] == "1"
    with pytest.raises(OSError, match="no room"):
        work.carry_out(deployment, PLAN, intended(deployment), Gone(OSError("no room")))
    assert deployment.facts() == known


def interrupted(deployment: Deployment, *, begun: bool) -> None:
    with work.until_begun(deployment, "deploy"):
        if begun:
            work.carry_out(deployment, Plan("up", ()), intended(deployment), Gone(OSError()))
        raise KeyboardInterrupt


def test_interrupted_before_a_plan_is_begun_it_says_that_nothing_changed(
    deployment: Deployment,
) -> None:
    with pytest.raises(Interrupted, match="deploy was interrupted") as caught:
        interrupted(deployment, begun=False)
    assert (caught.value.changed or "").startswith("nothing for your users")
    assert "tenfold deploy" in (caught.value.next or "")


def test_interrupted_behind_a_plan_it_does_not_say_so(deployment: Deployment) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(deployment, begun=True)


def test_interrupted_while_it_writes_down_what_it_is_about_to_begin_it_pins_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(kind: str, steps: object) -> int:
        raise KeyboardInterrupt

    intent = intended(deployment)
    monkeypatch.setattr(deployment.journal, "begin", ends)
    with pytest.raises(Interrupted) as caught:
        work.carry_out(deployment, PLAN, intent, Gone(OSError()))
    assert (caught.value.changed or "").startswith("nothing for your users")
    facts = deployment.facts()
    assert [facts.get(key) for key in (applied.FACT, "position", "port")] == [None] * 3


def claimed(path: Path, target: Any) -> None:
    """A command that claims the hosts and has nothing to do."""
    world: Any = World(
        blueprint=NOBODY, target=target, journal=SqliteJournal(path), releases=NOBODY
    )
    carry_claimed(world, target, Plan("grow", ()), NOBODY, takes_back=True)


def test_a_journal_that_was_put_back_from_an_older_copy_is_told_and_then_goes_on(
    tmp_path: Path,
) -> None:
    path, copy, target = tmp_path / "journal.db", tmp_path / "copy.db", MemoryTarget()
    target.ensure(Host("vm1"))
    claimed(path, target)
    shutil.copy(path, copy)
    claimed(path, target)
    claimed(path, target)
    shutil.copy(copy, path)
    with pytest.raises(Refused, match="put back from an older copy") as caught:
        claimed(path, target)
    assert "tenfold status" in (caught.value.next or "")
    claimed(path, target)


def test_whoever_was_overtaken_is_not_told_that_the_journal_is_old(tmp_path: Path) -> None:
    path, target = tmp_path / "journal.db", MemoryTarget()
    target.ensure(Host("vm1"))
    memory: Any = target

    class Slow(SqliteJournal):
        def begin(self, kind: str, steps: tuple[dict[str, Any], ...]) -> int:
            number = super().begin(kind, steps)
            claimed(path, target)
            return number

    world: Any = World(blueprint=NOBODY, target=target, journal=Slow(path), releases=NOBODY)
    with pytest.raises((Superseded, JournalError), match="another command has taken over"):
        carry_claimed(world, memory, Plan("grow", ()), NOBODY, takes_back=True)
