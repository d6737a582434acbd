"""Whatever ends the first plan of an app, nothing is pinned by it when everything is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.deployment import applied, work
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.intent import Intent
from tenfold.errors import Interrupted
from tenfold.state.layout import Layout
from tenfold.transitions.planner import Plan
from tenfold.transitions.steps import EnsureHost, Step

PLAN = Plan("up", (EnsureHost("vm1"),))
PORT = 8123


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
