"""The public API as a type checker sees it: ``make check`` checks this file, ``make test`` runs it.

``assert_type`` holds a type to the letter. Where a wrong use must not pass, the checker is told to
expect its complaint, and complains when there is none (``warn_unused_ignores``).
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Literal, assert_type

import pytest

from tenfold import errors
from tenfold.load import LoadPlan, load_table_from, new_run_id, plan_load
from tenfold.secret import Secret
from tenfold.spec.model import AppSpec
from tenfold.spec.read import load, parse
from tenfold.stages import topology
from tenfold.stages.facts import AppFacts, Machine
from tenfold.targets.memory import MemoryTarget
from tenfold.targets.protocol import HostAgent, Target
from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.observation import Observation, ObservedHost
from tenfold.topology.process import File
from tenfold.transitions.planner import Goal, Plan, plan
from tenfold.transitions.steps import Step

TEXT = 'name = "shop"\napp = "shop:app"\n'


def wanted() -> Topology:
    return topology("10", parse(TEXT), Machine(2, 4 << 30), AppFacts("uvicorn", "asgi"))


def test_the_file_is_a_typed_value(tmp_path: Path) -> None:
    (tmp_path / "tenfold.toml").write_text(TEXT)
    spec = assert_type(load(tmp_path / "tenfold.toml"), AppSpec)
    assert spec == assert_type(parse(TEXT), AppSpec)
    assert_type(spec.name, str)
    assert_type(spec.server.workers, Literal["auto"] | int)


def test_a_topology_is_membership_and_cannot_be_changed() -> None:
    found = assert_type(wanted(), Topology)
    assert_type(found.hosts, tuple[Host, ...])
    assert_type(found.units, tuple[Unit, ...])
    assert_type(found.pools, tuple[Pool, ...])
    with pytest.raises(FrozenInstanceError):
        found.hosts = ()  # type: ignore[misc]


def test_a_plan_is_steps_each_with_its_reverse() -> None:
    made = assert_type(plan("up", Observation(), Goal(wanted(), release="r1")), Plan)
    steps = assert_type(made.steps, tuple[Step, ...])
    assert steps
    assert_type(steps[0].sentence(), str)
    assert_type(steps[0].reverse(), Step | None)
    with pytest.raises(AttributeError):
        plan("up", "what there is", Goal(wanted()))  # type: ignore[arg-type]


def observed(target: Target, name: str) -> ObservedHost:
    """What users write against the protocol runs on the fake, too."""
    assert_type(target.reach(name), HostAgent | None)
    return assert_type(target.ensure(Host(name)), HostAgent).observe()


def test_the_fake_is_a_target() -> None:
    fake = MemoryTarget(hosts=["vm1"])
    assert observed(fake, "vm1").name == "vm1"
    fake.fail("start", "edge", errors.UnitFailed("edge did not start"))


def test_a_secret_is_no_text() -> None:
    secret = Secret("hush")
    assert_type(secret.reveal(), str)
    assert_type(File("/srv/pgpass", secret).text, str | Secret)
    with pytest.raises(TypeError):
        "postgresql://app:" + secret  # type: ignore[operator]


def test_errors_are_one_tree_that_says_what_changed_and_what_next() -> None:
    error: errors.TenfoldError = errors.SpecError("tenfold.toml:5: workers", next="correct it")
    assert isinstance(error, errors.UsageError)
    assert_type(error.what, str)
    assert_type(error.changed, str | None)
    assert_type(error.next, str | None)


def test_load_is_planned_from_a_table(tmp_path: Path) -> None:
    (tmp_path / "tenfold.toml").write_text(TEXT)
    table = load_table_from(tmp_path / "tenfold.toml")
    assert_type(plan_load(table, run_id=new_run_id()), LoadPlan)
