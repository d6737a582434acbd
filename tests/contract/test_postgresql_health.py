"""What a schema and a server have that grows into trouble, found on a real server that has it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.support.postgres import Server, installations, running, wait_for

from tenfold.doctor import catalogue
from tenfold.doctor.checks import database
from tenfold.doctor.facts import DatabaseFacts
from tenfold.doctor.model import Finding, apply
from tenfold.engines.postgresql import health, orders
from tenfold.engines.postgresql.binaries import Binaries
from tenfold.engines.postgresql.checks import checks
from tenfold.engines.postgresql.conf import limits
from tenfold.engines.postgresql.disk import parse_installation
from tenfold.engines.postgresql.facts import gather
from tenfold.engines.postgresql.render import sizes
from tenfold.errors import TenfoldError
from tenfold.topology.settings import DatabaseSettings

pytestmark = pytest.mark.engine

WELL = """
CREATE TABLE customers (id bigserial PRIMARY KEY, name text);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                     customer bigint REFERENCES customers);
CREATE INDEX ON orders (customer);
CREATE TABLE feed (at timestamptz, text text, UNIQUE (at));
ALTER TABLE feed ALTER at SET NOT NULL;
ALTER TABLE feed REPLICA IDENTITY USING INDEX feed_at_key;
CREATE TABLE parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE EXTENSION citext
"""
ILL = """
CREATE TABLE log (text text);
CREATE UNLOGGED TABLE cache (id bigint PRIMARY KEY);
CREATE TABLE small (id smallserial PRIMARY KEY);
SELECT setval('small_id_seq', 32000);
CREATE TABLE clicks (id serial PRIMARY KEY);
SELECT setval('clicks_id_seq', 250000000);
CREATE SCHEMA blog;
CREATE TABLE blog.posts (id bigint PRIMARY KEY, author bigint REFERENCES customers);
INSERT INTO blog.posts SELECT n FROM generate_series(1, 20000) n;
ANALYZE blog.posts;
ALTER TABLE customers ADD CONSTRAINT named CHECK (name <> '') NOT VALID;
SELECT lo_create(0)
"""


def run(server: Server, statements: str) -> None:
    with server.connect("superuser") as superuser:
        for statement in statements.split(";"):
            superuser.execute(statement.encode())


def look(server: Server) -> health.Health:
    return health.examine(server.login("superuser"))


def found(server: Server) -> dict[str, Finding]:
    facts = DatabaseFacts(stage="10", health=look(server))
    return {f.check: f for f in apply(catalogue.DATABASE, facts, "10")[0]}


@pytest.mark.parametrize("binaries", installations(), ids=lambda b: f"{b.source}-{b.major}")
def test_nothing_is_found_in_a_schema_that_is_well(binaries: Binaries) -> None:
    with running(DatabaseSettings("shop", major=binaries.major), binaries) as server:
        run(server, WELL)
        assert found(server) == {}
        seen = look(server)
        assert seen.database == "shop"
        assert {k.table: k.indexed for k in seen.foreign_keys} == {"public.orders": True}
        assert 0 < seen.connections + 1 < seen.max_connections
        assert any(e.startswith("citext ") for e in seen.extensions)
        known = binaries.extensions()
        assert known is not None
        assert {"citext", "plpgsql"} <= known


@pytest.fixture(scope="module")
def ill() -> Iterator[Server]:
    with running() as server:
        run(server, WELL)
        run(server, ILL)
        yield server


def test_all_that_is_wrong_with_a_schema_is_found(ill: Server) -> None:
    seen = found(ill)
    assert {f"{id} {f.severity} {f.stage}" for id, f in seen.items()} >= {
        "schema.no-primary-key later 1m",
        "schema.unlogged later 100",
        "schema.foreign-key-without-index later 1k",
        "schema.foreign-key-across-schemas later 1m",
        "schema.constraint-not-valid advice None",
        "schema.large-objects later 1m",
    }
    assert seen["schema.no-primary-key"].evidence == ("public.log, about 0 rows",)
    assert seen["schema.unlogged"].evidence == ("public.cache",)
    assert seen["schema.foreign-key-across-schemas"].evidence == (
        "blog.posts (author) -> public.customers",
    )
    assert seen["schema.foreign-key-without-index"].evidence == (
        "blog.posts (author), about 20000 rows",
    )


def test_sequences_are_told_at_the_stage_of_their_end(ill: Server) -> None:
    facts = DatabaseFacts(stage="10", health=look(ill))
    findings = apply(catalogue.DATABASE, facts, "10")[0]
    ends = {
        place: f.stage or "now"
        for f in findings
        if f.check == "schema.sequence-near-end"
        for place in f.evidence
    }
    assert ends == {
        "public.small.id: 32000 of 32767 (98%)": "now",
        "public.clicks.id: 250000000 of 2147483647 (12%)": "100",
    }


@pytest.mark.parametrize(
    "id",
    ["schema.no-primary-key", "schema.unlogged", "schema.constraint-not-valid",
     "schema.foreign-key-without-index"],
)  # fmt: skip
def test_the_fix_mends_it(ill: Server, id: str) -> None:
    run(ill, found(ill)[id].fix)
    assert id not in found(ill)


def test_an_index_that_broke_off_is_found_and_mended_by_its_fix(ill: Server) -> None:
    with ill.connect("superuser") as superuser:
        superuser.execute("CREATE TABLE twice (n int)")
        superuser.execute("INSERT INTO twice VALUES (1), (1)")
        with pytest.raises(Exception, match="could not create unique index"):
            superuser.execute("CREATE UNIQUE INDEX CONCURRENTLY once ON twice (n)")
        seen = found(ill)["schema.invalid-index"]
        assert seen.evidence == ("public.once of public.twice",)
        superuser.execute("DELETE FROM twice")
        superuser.execute(seen.fix.partition("      ")[0].encode())
    assert "schema.invalid-index" not in found(ill)


def test_connections_and_transactions_that_stay_open(ill: Server) -> None:
    with ill.connect("app") as app, app.transaction():
        app.execute("SELECT 'somebody''s secret'")
        seen = [t for t in look(ill).transactions if "shop" in str(t)]
    assert len(seen) == 1
    assert "secret" not in str(seen[0])


def test_slow_statements_without_their_values(ill: Server) -> None:
    with ill.connect("app") as app:
        for _ in range(20):
            app.execute("SELECT pg_sleep(0.26), 'hidden'")
    (slow,) = (s for s in look(ill).slow if "pg_sleep" in s.query)
    assert slow.calls >= 20
    assert slow.mean_ms >= 250
    assert "hidden" not in slow.query


def test_dead_rows_that_nobody_clears_away(ill: Server) -> None:
    run(
        ill,
        "CREATE TABLE dead (n int PRIMARY KEY) WITH (autovacuum_enabled = false);"
        "INSERT INTO dead SELECT n FROM generate_series(1, 60000) n;"
        "DELETE FROM dead WHERE n > 10",
    )

    def seen() -> bool:
        return any(t.name == "public.dead" for t in look(ill).bloated)

    wait_for(seen, within=20, subject="statistics of the dead rows")


def test_looking_writes_nothing_and_waits_for_no_lock(ill: Server) -> None:
    with ill.connect("superuser") as superuser, superuser.transaction():
        superuser.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        look(ill)
        assert time.monotonic() - began < 10


def test_every_precheck_of_a_move_is_told_by_one_check(ill: Server) -> None:
    found = checks(
        gather(ill.login("superuser", database="postgres")),
        parse_installation(ill.order(orders.installation)),
        limits(sizes(ill.unit, ill.scene)),
        slot="tenfold_2",
    )
    told_by_the_schema = {"unlogged_tables", "long_transactions"}
    assert {f.name for f in found} == {*database.BY_PRECHECK, *told_by_the_schema}
    assert {*database.BY_PRECHECK.values()} == {c.id for c in catalogue.MOVE}


def test_a_server_that_does_not_answer_is_told() -> None:
    with running() as server:
        who = server.login("superuser")
        server.stop()
        with pytest.raises(TenfoldError, match="PostgreSQL at"):
            health.examine(who)
