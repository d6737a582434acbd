"""A PostgreSQL that runs comes into Patroni's care as it is: same process, and writes go on."""

from __future__ import annotations

import time
from dataclasses import fields, replace

import pytest
from tests.support.patroni import Cluster, Member, Process, Writer, cluster, make_database
from tests.support.postgres import wait_for

from tenfold.engines.postgresql import admin
from tenfold.topology.model import Unit
from tenfold.topology.settings import DatabaseSettings, PatroniSettings

pytestmark = pytest.mark.engine


def stage_100(member: Member) -> Process:
    """The same server as it is before stage 1k: alone, without Patroni, in the same place."""
    settings = member.unit.settings
    assert isinstance(settings, PatroniSettings)
    plain = DatabaseSettings(
        **{f.name: getattr(settings, f.name) for f in fields(DatabaseSettings)}
    )
    unit = Unit("postgres", "postgresql", member.name, plain)
    host = member.scene.host
    topology = replace(member.scene.topology, hosts=(host,), units=(unit,))
    return Process(unit, replace(member.scene, topology=topology), member.root)


def arranged(found: Cluster) -> tuple[Process, Member]:
    """A server with a database and an etcd beside it."""
    member = found.members[0]
    server = stage_100(member)
    server.start()
    wait_for(server.ready, within=30, subject="PostgreSQL")
    with member.connect("superuser") as session:
        make_database(session, server)
        session.execute("CREATE ROLE tenfold_replication LOGIN REPLICATION")
    admin.ensure_roles_and_database(
        admin.login(member.unit, member.scene, "superuser", database="postgres"),
        replace(member.unit.settings, separate_owner=False),
        {r: member.scene.secrets[f"main.{r}"] for r in ("owner", "app", "replication", "rewind")},
    )
    found.start_etcd()
    return server, member


def test_a_running_server_is_taken_over_under_writes_and_then_ends_with_its_patroni() -> None:
    with cluster("db1", "db2") as found:
        server, member = arranged(found)
        before = member.postmaster()
        assert server.process is not None
        with Writer(found) as writer:
            member.start()
            found.wait_for_leader()
            found.members[1].start()
            found.wait_in_sync()
            assert member.postmaster() == before == server.pid
            assert not writer.failed
            with member.connect("superuser") as session:
                waits = "SELECT name FROM pg_settings WHERE pending_restart"
                assert not session.execute(waits).fetchall()
            assert "pending_restart" not in member.ask()[1]

            # It is no child of the leash's, and ends like one.
            at = member.kill("patroni")
            server.process.wait(5)
            wait_for(lambda: not member.working(), within=5, subject="its sessions to end")
            assert time.monotonic() - at < 5
            assert found.wait_for_leader(other_than="db1").name == "db2"
            writer.wait_past(time.monotonic())
        assert len(writer.failed) <= 1
        assert not writer.lost()
