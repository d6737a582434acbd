"""What stands in the way of a switch, found on a real server that has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.postgres import Server, installations, made, running

from tenfold.deployment.rehearse import require_room
from tenfold.engines.postgresql import orders
from tenfold.engines.postgresql.binaries import Binaries
from tenfold.engines.postgresql.checks import Finding, checks, max_wal_bytes
from tenfold.engines.postgresql.conf import limits
from tenfold.engines.postgresql.disk import Installation, parse_installation
from tenfold.engines.postgresql.facts import gather
from tenfold.engines.postgresql.render import sizes
from tenfold.errors import Refused
from tenfold.topology.settings import DatabaseSettings

pytestmark = pytest.mark.engine


def installation(server: Server) -> Installation:
    return parse_installation(server.order(orders.installation))


def findings(server: Server, other: Installation | None = None) -> dict[str, Finding]:
    found = checks(
        gather(server.login("superuser", database="postgres")),
        other or installation(server),
        limits(sizes(server.unit, server.scene)),
        slot="tenfold_2",
    )
    return {finding.name: finding for finding in found}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@contextmanager
def changed(server: Server, do: str, undo: str) -> Iterator[None]:
    """The app's database with something in it that should not be there."""
    with server.connect("superuser") as superuser:
        for statement in do.split(";"):
            superuser.execute(statement.encode())
        try:
            yield
        finally:
            for statement in undo.split(";"):
                superuser.execute(statement.encode())


@pytest.mark.parametrize("binaries", installations(), ids=lambda b: f"{b.source}-{b.major}")
def test_nothing_stands_in_the_way_of_a_server_as_tenfold_makes_it(binaries: Binaries) -> None:
    with running(DatabaseSettings("shop", major=binaries.major), binaries) as server:
        with server.connect("superuser") as superuser:
            superuser.execute("CREATE EXTENSION citext")
        found = findings(server)
        assert [f for f in found.values() if f.severity != "fine"] == []
        there = installation(server)
        assert there.version == binaries.version
        assert {"plpgsql", "citext", "pg_stat_statements"} <= there.libraries
        assert there.free_bytes > 0


@pytest.mark.parametrize(
    ("name", "severity", "do", "undo", "evidence"),
    [
        ("unlogged_tables", "stop", "CREATE UNLOGGED TABLE cache (id serial)", "DROP TABLE cache",
         "shop: public.cache"),
        ("logical_replication", "warn", "CREATE PUBLICATION feed FOR ALL TABLES",
         "DROP PUBLICATION feed", "publication feed in shop"),
        ("logical_replication", "warn",
         "CREATE SUBSCRIPTION news CONNECTION 'host=127.0.0.1 port=1' PUBLICATION feed"
         " WITH (connect = false, slot_name = NONE)",
         "DROP SUBSCRIPTION news", "subscription news in shop"),
        ("slots", "warn",
         "SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')",
         "SELECT pg_drop_replication_slot('cdc')", "cdc (logical)"),
        ("slots", "warn",
         "SELECT pg_create_physical_replication_slot('brief', true, true)",
         "SELECT pg_drop_replication_slot('brief')", "brief (physical)"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_named(
    server: Server, name: str, severity: str, do: str, undo: str, evidence: str
) -> None:
    assert findings(server)[name].severity == "fine"
    with changed(server, do, undo):
        finding = findings(server)[name]
        assert (finding.severity, finding.evidence) == (severity, evidence)
    assert findings(server)[name].severity == "fine"


def test_an_unlogged_partition_is_found(server: Server) -> None:
    do = (
        "CREATE TABLE visit (day date) PARTITION BY RANGE (day);"
        "CREATE UNLOGGED TABLE visit_old PARTITION OF visit"
        " FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')"
    )
    with changed(server, do, "DROP TABLE visit"):
        assert findings(server)["unlogged_tables"].evidence == "shop: public.visit_old"


def test_a_tablespace_elsewhere_is_found(server: Server) -> None:
    place = server.root / "fast"
    place.mkdir()
    server._own(place)
    with changed(server, f"CREATE TABLESPACE fast LOCATION '{place}'", "DROP TABLESPACE fast"):
        assert findings(server)["tablespaces"].severity == "stop"
        assert str(place) in findings(server)["tablespaces"].evidence


def test_an_extension_whose_library_is_missing_there_is_found(server: Server) -> None:
    there = installation(server)
    without = replace(there, libraries=there.libraries - {"citext", "pg_stat_statements"})
    with changed(server, "CREATE EXTENSION citext", "DROP EXTENSION citext"):
        finding = findings(server, without)["libraries"]
    assert finding.severity == "stop"
    assert "citext (database shop)" in finding.evidence
    assert "pg_stat_statements (shared_preload_libraries)" in finding.evidence


def test_an_open_transaction_is_seen_with_its_age(server: Server) -> None:
    with server.connect("app") as app, app.transaction():
        app.execute("SELECT 1")
        facts = gather(server.login("superuser", database="postgres"))
    assert len(facts.transactions) == 1
    assert "tenfold_app in shop" in facts.transactions[0].who
    assert 0 < facts.transactions[0].seconds < 60


def test_a_prepared_transaction_and_a_leader_with_more_than_its_follower_are_found() -> None:
    with made() as server:
        server.write()
        server.run_prepare()
        render = server.write

        def with_more() -> None:
            render()
            conf = Path(server.scene.place.config, "postgresql.conf")
            more = "max_prepared_transactions = 5\nmax_connections = 200\n"
            conf.write_text(conf.read_text() + more)

        server.write = with_more  # type: ignore[method-assign]
        server.start()
        server.prepare()
        with server.connect("app") as app:
            app.execute("CREATE TABLE t (id int)")
            with app.transaction():
                pass
            app.execute("BEGIN")
            app.execute("INSERT INTO t VALUES (1)")
            app.execute("PREPARE TRANSACTION 'forgotten'")
        found = findings(server)
        assert found["prepared_transactions"].severity == "stop"
        assert "forgotten of tenfold_app in shop" in found["prepared_transactions"].evidence
        assert found["limits"].severity == "stop"
        assert "max_connections: 200 here, 160 there" in found["limits"].evidence
        assert "max_prepared_transactions: 5 here, 0 there" in found["limits"].evidence
        with server.connect("app") as app:
            app.execute("ROLLBACK PREPARED 'forgotten'")
        assert findings(server)["prepared_transactions"].severity == "fine"


def test_pages_without_checksums_are_told() -> None:
    with made() as server:
        server.write()
        script = Path(server.scene.place.config, "initialise.sh")
        without = "--no-data-checksums" if server.settings.major >= 18 else ""
        script.write_text(script.read_text().replace("--data-checksums", without))
        server.run_prepare()
        server.start()
        server.prepare()
        finding = findings(server)["checksums"]
    assert finding.severity == "warn"
    assert "pg_checksums" in finding.fix


def test_a_rehearsal_needs_room_for_two_copies(server: Server) -> None:
    facts = gather(server.login("superuser", database="postgres"))
    one = facts.data_bytes + max_wal_bytes(facts)
    require_room(facts, 2 * one)
    with pytest.raises(Refused, match="no room for 2 copies") as refused:
        require_room(facts, 2 * one - 1)
    assert "needed" in str(refused.value.detail)
