"""Who owns the schema may change at any time, both ways round, on a database in use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from tests.support.postgres import Server, running

from tenfold.engines.postgresql import admin
from tenfold.engines.postgresql.counting import tables
from tenfold.engines.postgresql.facts import gather
from tenfold.engines.postgresql.login import connect
from tenfold.engines.postgresql.render import roles
from tenfold.errors import TenfoldError
from tenfold.secret import Secret

pytestmark = pytest.mark.engine

SCHEMA = """
CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('fine', 'tired');
CREATE TABLE author (id serial PRIMARY KEY, name citext UNIQUE, feels mood DEFAULT 'fine');
CREATE TABLE article (id bigint GENERATED ALWAYS AS IDENTITY, author int REFERENCES author);
CREATE TABLE visit (day date, n int) PARTITION BY RANGE (day);
CREATE TABLE visit_2026 PARTITION OF visit FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE SCHEMA "Mixed Case";
CREATE TABLE "Mixed Case"."Some Table" (id serial, note text);
CREATE VIEW names AS SELECT name FROM author;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM author;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
CREATE PUBLICATION everything FOR TABLE author;
"""
USE = (
    "INSERT INTO author (name) VALUES ('Ada') ON CONFLICT (name) DO NOTHING",
    "INSERT INTO article (author) SELECT id FROM author",
    "INSERT INTO visit VALUES ('2026-11-22', twice(1))",
    'INSERT INTO "Mixed Case"."Some Table" (note) VALUES (\'x\')',
    'UPDATE "Mixed Case"."Some Table" SET note = \'y\'',
    "SELECT * FROM names, counted",
)
CHANGES = (
    "ALTER TABLE author ADD COLUMN IF NOT EXISTS more int",
    'ALTER TABLE "Mixed Case"."Some Table" ADD COLUMN IF NOT EXISTS more int',
    "CREATE TABLE later (id serial PRIMARY KEY)",
    "CREATE SCHEMA later_schema CREATE TABLE later (id serial PRIMARY KEY)",
    "REFRESH MATERIALIZED VIEW counted",
    "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'well'",
    "ALTER PUBLICATION everything ADD TABLE article",
)
UNDO = ("DROP TABLE later", "DROP SCHEMA later_schema CASCADE",
        "ALTER PUBLICATION everything DROP TABLE article")  # fmt: skip

OWNED = """
SELECT pg_get_userbyid(refobjid), count(*) FROM pg_shdepend
  JOIN pg_database d ON d.oid = dbid AND datname = current_database()
 WHERE deptype = 'o' GROUP BY 1
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """An app that made its tables itself."""
    with running() as server:
        with server.connect("app") as app:
            app.execute(SCHEMA)
        yield server


def use(server: Server) -> None:
    with server.connect("app") as app:
        for statement in USE:
            app.execute(statement)


def owners(server: Server) -> set[object]:
    with server.connect("superuser") as superuser:
        return {row[0] for row in superuser.execute(OWNED)}


def test_app_that_made_its_tables_gets_an_owner_and_back(server: Server) -> None:
    for _ in range(2):
        assert server.prepare(separate_owner=True) != ()
        assert server.prepare() == ()
        assert owners(server) == {server.settings.owner_role}
        use(server)
        with server.connect("app") as app:
            for statement in CHANGES:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute(statement)
        with server.connect("owner") as owner:
            for statement in CHANGES:
                owner.execute(statement)
        with server.connect("app") as app:
            app.execute("INSERT INTO later DEFAULT VALUES")
            app.execute("INSERT INTO later_schema.later DEFAULT VALUES")
        with server.connect("owner") as owner:
            for statement in UNDO:
                owner.execute(statement)

        assert server.prepare(separate_owner=False) != ()
        assert server.prepare() == ()
        assert owners(server) == {server.settings.app_role}
        use(server)
        with server.connect("app") as app:
            for statement in (*CHANGES, *UNDO):
                app.execute(statement)
        with pytest.raises(TenfoldError) as refusal, server.connect("owner"):
            pass
        assert "permission denied" in (refusal.value.detail or "")


def test_tables_that_the_superuser_made_are_opened_to_the_app(server: Server) -> None:
    server.prepare(separate_owner=True)
    with server.connect("superuser") as superuser:
        superuser.execute("CREATE TABLE restored (id serial PRIMARY KEY)")
    assert server.prepare() != ()
    with server.connect("app") as app:
        app.execute("INSERT INTO restored DEFAULT VALUES")


def test_what_the_user_granted_to_others_stays(server: Server) -> None:
    with server.connect("superuser") as superuser:
        superuser.execute("CREATE ROLE reporting")
        superuser.execute("GRANT CONNECT ON DATABASE shop TO reporting")
        superuser.execute("GRANT SELECT ON author TO reporting")
        server.prepare(separate_owner=True)
        server.prepare(separate_owner=False)
        row = superuser.execute(
            "SELECT has_database_privilege('reporting', 'shop', 'CONNECT'),"
            " has_table_privilege('reporting', 'author', 'SELECT')"
        ).fetchone()
    assert row == (True, True)


def test_a_table_in_use_fails_the_change_in_bounded_time_and_changes_nothing(
    server: Server,
) -> None:
    passwords = {
        role: server.scene.secrets[f"main.{role}"] for role in ("owner", "app", "replication")
    }
    separate = replace(server.settings, separate_owner=True)
    with server.connect("app") as app, app.transaction():
        app.execute("INSERT INTO author (name) VALUES ('Grace')")
        with pytest.raises(TenfoldError, match="locked by somebody's transaction"):
            admin.ensure_roles_and_database(
                server.login("superuser"), separate, passwords, lock_seconds=0.2
            )
    assert owners(server) == {server.settings.app_role}
    assert server.prepare() == ()
    use(server)


def test_an_app_that_rebuilds_its_schema_is_prepared_again(server: Server) -> None:
    with server.connect("app") as app:
        app.execute("DROP SCHEMA public CASCADE")
    assert server.prepare() == ()
    with server.connect("app") as app:
        app.execute("CREATE SCHEMA public")
        app.execute("CREATE TABLE author (id serial PRIMARY KEY)")
    server.prepare(separate_owner=True)
    with server.connect("app") as app:
        app.execute("INSERT INTO author DEFAULT VALUES")
        assert app.execute("SELECT count(*) > 0 FROM pg_stat_statements").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TABLE other (id int)")


def test_attributes_that_somebody_gave_a_role_are_taken_back(server: Server) -> None:
    with server.connect("superuser") as superuser:
        superuser.execute(f"ALTER ROLE {server.settings.app_role} CREATEDB BYPASSRLS REPLICATION")
        superuser.execute(f"ALTER ROLE {server.settings.owner_role} NOLOGIN")
        assert len(server.prepare()) == 2
        assert server.prepare() == ()
        row = superuser.execute(
            "SELECT rolcreatedb OR rolbypassrls OR rolreplication FROM pg_roles WHERE rolname = %s",
            [server.settings.app_role],
        ).fetchone()
    assert row == (False,)


def test_a_changed_password_replaces_the_old_one(server: Server) -> None:
    old = server.login("app")
    secrets = {**server.scene.secrets, "main.app": Secret.generate()}
    server.scene = replace(server.scene, secrets=secrets)
    assert server.prepare() == (f"role {old.user} has its password",)
    with connect(server.login("app")) as app:
        assert app.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(TenfoldError), connect(old):
        pass


TRAPS = """
CREATE SCHEMA trap;
CREATE FUNCTION trap.spring() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER ROLE %I SUPERUSER', session_user_of_the_app());
    END IF;
    RETURN true;
END $$;
"""
TRAPPED = (
    *("pg_class", "pg_namespace", "pg_database", "pg_roles", "pg_extension", "pg_depend"),
    *("pg_proc", "pg_locks", "pg_stat_user_tables", "pg_default_acl", "pg_publication"),
    *("pg_largeobject_metadata", "pg_settings", "pg_replication_slots", "pg_shdepend"),
)


def test_the_owner_of_a_database_does_not_decide_what_a_superuser_executes_there() -> None:
    with running() as server:
        role = roles(server.settings)["app"]
        with server.connect("app") as app:
            app.execute(TRAPS.replace("session_user_of_the_app()", f"'{role}'"))
            for name in TRAPPED:
                app.execute(
                    f"CREATE VIEW trap.{name} AS"
                    f" SELECT * FROM pg_catalog.{name} WHERE trap.spring()"
                )
            app.execute("ALTER DATABASE shop SET search_path = trap, pg_catalog, public")
        # It works, for whoever does not take care.
        with (
            server.connect("superuser") as session,
            pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        ):
            session.execute("BEGIN; SET LOCAL transaction_read_only = on; SELECT FROM pg_class")
        who = server.login("superuser", database="postgres")
        gather(who)
        admin.prepare(server.unit, server.scene)
        with connect(replace(who, database="shop")) as session:
            tables(session)
        with server.connect("superuser", database="postgres") as session:
            found = session.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [role])
            assert found.fetchone() == (False,)
