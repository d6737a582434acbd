"""What a disk says of its database."""

from __future__ import annotations

import json
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from tenfold.deployment.databases import everything, observe_databases, role
from tenfold.engines.postgresql.disk import DiskState, Signal
from tenfold.engines.postgresql.render import PostgreSQL, server
from tenfold.errors import Refused
from tenfold.secret import Secret
from tenfold.spec.read import parse
from tenfold.stages.facts import AppFacts, Machine
from tenfold.stages.path import position
from tenfold.targets.memory import MemoryTarget
from tenfold.targets.protocol import Finished
from tenfold.topology.databases import Role
from tenfold.topology.model import Host
from tenfold.transitions.blueprint import Blueprint
from tenfold.transitions.crossing import members, require_leader

PROGRAMS = ("postgres", "initdb", "pg_controldata", "pg_isready")


@pytest.mark.parametrize(
    ("signal", "told", "told_where_patroni_was"),
    [
        ("none", "leader", "leader"),
        ("fenced", "fenced", "fenced"),
        ("follows", "follower", "follower"),
        ("empty", "fenced", "follower"),
        ("other", "follower", "follower"),
    ],
)
def test_a_file_without_a_word_is_a_fence_unless_patroni_wrote_it(
    signal: Signal, told: Role, told_where_patroni_was: Role
) -> None:
    state = DiskState(True, signal, "shut down", "0/1", "0/1", 1, "7", None, 0)
    assert role(state, clustered=False) == told
    assert role(state, clustered=True) == told_where_patroni_was


def intent_of_a_move(target: MemoryTarget) -> Any:
    """As much of one as databases are looked at with."""
    spec, facts = parse('name = "shop"\napp = "shop:app"\n'), AppFacts("uvicorn", "asgi")
    topology = position("100+10", spec, Machine(cores=2, memory_bytes=4 << 30), facts).topology
    for host in topology.hosts:
        target.ensure(Host(host.name))
    return SimpleNamespace(
        spec=spec,
        app_facts=facts,
        target=target,
        toolbox=SimpleNamespace(postgresql_major=17),
        goal=SimpleNamespace(topology=topology, leaders={"main": "db1/postgres"}),
        blueprint=Blueprint(
            topology=topology,
            engines={"postgresql": PostgreSQL()},
            hosts={h.name: target.locate(h) for h in topology.hosts},
            binaries={p: f"/opt/pg/bin/{p}" for p in PROGRAMS},
            secrets={
                f"main.{r}": Secret("x") for r in ("superuser", "owner", "app", "replication")
            },
        ),
    )


@pytest.mark.parametrize(
    ("signal", "says"),
    [
        ("none", "echo follows > {path}    on {host}"),
        ("fenced", "echo follows > {path}    on {host}"),
        ("follows", "rm {path}    on {host}"),
    ],
)
def test_who_has_to_mend_it_by_hand_is_told_the_file_that_the_server_reads(
    signal: Signal, says: str
) -> None:
    target = MemoryTarget()
    intent = intent_of_a_move(target)
    state = DiskState(True, signal, "shut down", "0/1", "0/1", 1, "7", None, 0)
    for agent in target.agents.values():
        agent.commands = lambda command: Finished(0, json.dumps(asdict(state)))
    with pytest.raises(Refused) as caught:
        require_leader(observe_databases(intent))
    blueprint = everything(intent)
    units = members(blueprint.topology)
    assert len(units) == 2
    for unit in units:
        path = f"{server(unit, blueprint.scene(unit)).data}/standby.signal"
        assert says.format(path=path, host=unit.host) in (caught.value.next or "")
