"""A real PostgreSQL, made and started from the rendered files alone, on every installation here."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.support.postgres import (
    ADDRESS,
    Server,
    installations,
    running,
    unprivileged,
    wait_for,
)

from tenfold.engines.postgresql import admin, probe
from tenfold.engines.postgresql.binaries import Binaries
from tenfold.engines.postgresql.conf import sections
from tenfold.engines.postgresql.login import Connection, Login, connect
from tenfold.engines.postgresql.render import server as place_of
from tenfold.engines.postgresql.sizing import sizing
from tenfold.errors import TenfoldError
from tenfold.secret import Secret
from tenfold.topology.settings import DatabaseSettings

pytestmark = pytest.mark.engine


def is_refused(login: Login) -> bool:
    """Whether the server turns this login away (any other failure is not a refusal)."""
    with pytest.raises(TenfoldError) as refusal, connect(login):
        pass
    detail = refusal.value.detail or ""
    return any(
        word in detail
        for word in ("authentication failed", "pg_hba.conf", "denied", "not permitted")
    )


@pytest.fixture(scope="module", params=installations(), ids=lambda b: f"{b.source}-{b.major}")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A prepared server in which migrations run as the owner role."""
    binaries: Binaries = request.param
    settings = DatabaseSettings("shop", major=binaries.major, separate_owner=True)
    with running(settings, binaries) as server:
        yield server


@pytest.fixture
def superuser(server: Server) -> Iterator[Connection]:
    with server.connect("superuser") as connection:
        yield connection


def test_preparing_again_changes_nothing(server: Server) -> None:
    assert server.prepare() == ()


def test_every_setting_of_the_file_is_in_force(server: Server, superuser: Connection) -> None:
    """Each name exists in this version, comes from our file, and waits for no restart."""
    host = server.scene.host
    wanted = {
        setting.name
        for section in sections(
            place_of(server.unit, server.scene), sizing(host.memory_bytes, host.cores)
        )
        for setting in section.settings
        if setting.since <= server.settings.major
    }
    in_force = admin.settings_in_force(superuser)
    from_file = {
        name
        for name, setting in in_force.items()
        if setting.file == f"{server.scene.place.config}/postgresql.conf"
    }
    assert wanted <= from_file | {"data_directory", "hba_file", "ident_file"}
    assert not {name for name, setting in in_force.items() if setting.pending_restart}
    assert in_force["hba_file"].value == f"{server.scene.place.config}/pg_hba.conf"
    assert in_force["data_directory"].value == str(server.data)
    broken = "SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL OR NOT applied"
    assert superuser.execute(broken).fetchall() == []


def test_no_line_of_pg_hba_is_broken_or_lets_anyone_in_without_scram(
    superuser: Connection,
) -> None:
    rows = superuser.execute("SELECT auth_method, error FROM pg_hba_file_rules").fetchall()
    assert {method for method, _ in rows} == {"scram-sha-256", "reject"}
    assert {error for _, error in rows} == {None}


def test_what_later_stages_need_is_set_from_the_first_day(superuser: Connection) -> None:
    value = {name: s.value for name, s in admin.settings_in_force(superuser).items()}
    assert value["wal_level"] == "logical"
    assert value["archive_mode"] == "always"
    assert int(value["max_wal_senders"]) >= 10
    assert int(value["max_replication_slots"]) >= 10
    assert int(value["max_slot_wal_keep_size"]) > 0
    assert value["hot_standby"] == "on"
    assert value["data_checksums"] == "on"
    assert superuser.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)


def test_an_acknowledged_commit_is_on_the_disk(superuser: Connection) -> None:
    value = {name: s.value for name, s in admin.settings_in_force(superuser).items()}
    for name in ("fsync", "synchronous_commit", "full_page_writes", "restart_after_crash"):
        assert value[name] == "on", name


def test_log_segments_do_not_pile_up_without_an_archive(
    server: Server, superuser: Connection
) -> None:
    superuser.execute("CREATE TABLE IF NOT EXISTS filler (id int)")
    for number in range(3):
        superuser.execute("INSERT INTO filler VALUES (%s)", [number])
        superuser.execute("SELECT pg_switch_wal()")
    wait_for(
        lambda: probe.observe(server.login("superuser")).unarchived_segments == 0,
        within=30,
        subject="segments to be let go",
    )
    row = superuser.execute("SELECT archived_count >= 3, failed_count FROM pg_stat_archiver")
    assert row.fetchone() == (True, 0)
    superuser.execute("DROP TABLE filler")


@pytest.mark.parametrize("role", ["superuser", "owner", "app"])
@pytest.mark.parametrize("password", ["", "wrong"])
@pytest.mark.parametrize("way", ["socket", "tcp"])
def test_nobody_comes_in_without_the_right_password(
    server: Server, role: str, password: str, way: str
) -> None:
    login = server.login(role)
    host = login.host if way == "socket" else ADDRESS
    with pytest.raises(TenfoldError), connect(replace(login, host=host, password=Secret(password))):
        pass


def test_owner_and_app_come_in_by_socket_and_by_tcp(server: Server) -> None:
    for role in ("owner", "app"):
        for host in (server.scene.place.run, ADDRESS):
            with connect(replace(server.login(role), host=host)) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)


def test_superuser_is_refused_over_tcp(server: Server) -> None:
    assert is_refused(replace(server.login("superuser"), host=ADDRESS))


@pytest.mark.parametrize("database", ["postgres", "template1"])
@pytest.mark.parametrize("role", ["owner", "app", "replication"])
def test_other_databases_are_closed(server: Server, role: str, database: str) -> None:
    assert is_refused(server.login(role, database=database))


def test_unknown_roles_are_refused(server: Server, superuser: Connection) -> None:
    superuser.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    stranger = replace(server.login("app"), user="stranger", password=Secret("stranger"))
    assert is_refused(stranger)
    assert is_refused(replace(stranger, host=ADDRESS))
    superuser.execute("DROP ROLE stranger")


def test_replication_role_copies_the_cluster_and_nothing_else(
    server: Server, tmp_path: Path
) -> None:
    login = server.login("replication")
    assert is_refused(login)
    assert is_refused(replace(login, host=ADDRESS))
    programs = server.scene.place.binaries
    copy = server.root / "copy"
    subprocess.run(
        [programs["pg_basebackup"], "-D", copy, "-c", "fast", "-X", "stream", "--no-sync", "-w",
         "-h", ADDRESS, "-p", str(login.port), "-U", login.user],
        check=True, env={"PGPASSFILE": f"{server.scene.place.config}/pgpass"}, **unprivileged(),
    )  # fmt: skip
    assert (copy / "PG_VERSION").read_text().strip() == str(server.settings.major)


def test_app_role_has_no_ddl_beside_an_owner(server: Server) -> None:
    with server.connect("owner") as owner:
        owner.execute("CREATE TABLE item (id bigserial PRIMARY KEY, name text)")
        owner.execute("CREATE SCHEMA billing")
        owner.execute("CREATE TABLE billing.invoice (id int GENERATED ALWAYS AS IDENTITY, n int)")
        owner.execute("CREATE VIEW items AS SELECT * FROM item")
        owner.execute("CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n'")
    with server.connect("app") as app:
        app.execute("INSERT INTO item (name) VALUES ('a'), ('b')")
        app.execute("UPDATE item SET name = 'c' WHERE name = 'a'")
        app.execute("DELETE FROM item WHERE name = 'b'")
        app.execute("INSERT INTO billing.invoice (n) VALUES (1)")
        app.execute("CREATE TEMPORARY TABLE scratch (id int)")
        assert app.execute("SELECT name, twice(21) FROM items").fetchall() == [("c", 42)]
        for ddl in (
            "CREATE TABLE other (id int)",
            "CREATE TABLE billing.other (id int)",
            "CREATE SCHEMA other",
            "ALTER TABLE item ADD COLUMN more int",
            "CREATE INDEX ON item (name)",
            "DROP TABLE item",
            "TRUNCATE item",
            "ALTER TABLE item DISABLE TRIGGER ALL",
            "CREATE EXTENSION citext",
            "DROP SCHEMA billing CASCADE",
            "ALTER DATABASE shop SET work_mem = '1GB'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(ddl)
    with server.connect("owner") as owner:
        owner.execute("DROP TABLE item CASCADE")
        owner.execute("DROP SCHEMA billing CASCADE")
        owner.execute("DROP FUNCTION twice")


@pytest.mark.parametrize("extension", ["citext", "pg_trgm", "hstore"])
def test_owner_role_creates_trusted_extensions(server: Server, extension: str) -> None:
    with server.connect("owner") as owner:
        create = sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension))
        owner.execute(create)
        owner.execute(sql.SQL("DROP EXTENSION {}").format(sql.Identifier(extension)))


def test_letters_beyond_ascii_are_letters(server: Server, superuser: Connection) -> None:
    superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    row = superuser.execute(
        "SELECT lower('ÄÖ'), 'ä' ~ '^\\w$', similarity('über', 'ber')"
    ).fetchone()
    assert row is not None
    assert row[:2] == ("äö", True)
    assert float(str(row[2])) < 1.0
    superuser.execute("DROP EXTENSION pg_trgm")


def test_statements_are_counted_without_their_constants(
    server: Server, superuser: Connection
) -> None:
    with server.connect("app") as app:
        app.execute("SELECT 'a constant that nobody should see'")
    texts = [str(row[0]) for row in superuser.execute("SELECT query FROM pg_stat_statements")]
    assert "SELECT $1" in texts
    assert not any("nobody should see" in text for text in texts)


def test_state_of_the_cluster(server: Server) -> None:
    with server.connect("app") as app, app.transaction():
        app.execute("SELECT 1")
        state = probe.observe(server.login("superuser"))
    assert not state.in_recovery
    assert state.version.startswith(str(server.settings.major))
    assert state.timeline == 1
    assert state.connections == 1
    assert state.max_connections == sizing(1 << 30, 2).max_connections
    assert state.size_bytes > 20_000_000
    assert state.oldest_transaction_seconds > 0
    assert state.checksum_failures == 0


def test_state_of_a_server_that_is_not_there(server: Server) -> None:
    with pytest.raises(TenfoldError, match="does not let postgres into"):
        probe.observe(replace(server.login("superuser"), port=1))


def test_terminate_ends_the_sessions_of_one_role(server: Server, superuser: Connection) -> None:
    with server.connect("app") as app, server.connect("owner") as owner:
        assert admin.terminate(superuser, user=server.settings.app_role) == 1
        with pytest.raises(psycopg.OperationalError):
            app.execute("SELECT 1")
        assert owner.execute("SELECT 1").fetchone() == (1,)


def test_psql_comes_in_with_no_secret_in_arguments_or_environment(server: Server) -> None:
    for role in ("superuser", "owner", "app"):
        argv, environment = admin.psql(
            server.login(role),
            server.scene.place.binaries["psql"],
            server.scene.place.config,
            ("-XAtc", "SELECT current_user"),
        )
        said = subprocess.run(
            argv, env=environment, capture_output=True, text=True, check=True, **unprivileged()
        )
        assert said.stdout.strip() == server.login(role).user
        secrets = [s.reveal() for s in server.scene.secrets.values()]
        text = " ".join([*argv, *environment.values()])
        assert not any(secret in text for secret in secrets)


def test_a_changed_file_is_taken_over_without_a_restart(server: Server) -> None:
    before = probe.observe(server.login("superuser")).started_at
    assert server.process is not None
    conf = Path(server.scene.place.config, "postgresql.conf")
    rendered = conf.read_text()
    conf.write_text(rendered + "work_mem = '5MB'\n")
    server.process.send_signal(signal.Signals.SIGHUP)

    def taken_over(value: str) -> bool:
        with server.connect("app") as app:
            return app.execute("SHOW work_mem").fetchone() == (value,)

    wait_for(lambda: taken_over("5MB"), within=30, subject="work_mem of 5 MB")
    assert probe.observe(server.login("superuser")).started_at == before
    server.write()
    server.process.send_signal(signal.Signals.SIGHUP)
    wait_for(lambda: taken_over("4MB"), within=30, subject="work_mem as rendered")


def test_passwords_appear_nowhere_but_in_the_password_file(server: Server) -> None:
    """Not in the log, not in an argument, not in the environment of the server, not in its data."""
    rotated = {
        name: Secret.generate() if not name.endswith("superuser") else secret
        for name, secret in server.scene.secrets.items()
    }
    server.scene = replace(server.scene, secrets=rotated)
    server.write()
    assert len(server.prepare()) == 3  # each role has its password
    with server.connect("superuser") as connection, pytest.raises(psycopg.Error):
        connection.execute("ALTER ROLE tenfold_nobody PASSWORD 'hunter2'")
    with server.connect("app") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    texts = {"log": server.log, "argv": repr(server.commands)}
    for pid in server.processes():
        for name in ("cmdline", "environ"):
            texts[f"{pid}/{name}"] = Path(f"/proc/{pid}/{name}").read_bytes().decode()
    for path in Path(server.scene.place.config).iterdir():
        if path.name != "pgpass":
            texts[path.name] = path.read_text()
    secrets = ["hunter2", *(secret.reveal() for secret in rotated.values())]
    assert [name for name, text in texts.items() if any(s in text for s in secrets)] == []
    data = b"".join(p.read_bytes() for p in server.data.rglob("*") if p.is_file())
    assert not any(secret.encode() in data for secret in secrets)
