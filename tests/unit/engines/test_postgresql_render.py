from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.postgres import scene_for
from tests.support.topologies import one_host

from tenfold.engines.postgresql.conf import Server, postgresql_conf, quoted, sections
from tenfold.engines.postgresql.hba import networks, pg_hba_conf
from tenfold.engines.postgresql.login import login, psql
from tenfold.engines.postgresql.render import PostgreSQL
from tenfold.engines.postgresql.sizing import sizing
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Unit
from tenfold.topology.settings import DatabaseSettings

PROGRAMS = {name: f"/opt/pg/bin/{name}" for name in ("postgres", "initdb", "pg_isready", "psql")}
SERVER = Server("shop/main", "/d", "/c/hba", "/c/ident", "/run/x", "127.0.0.1", 5432)
SIZES = sizing(1 << 30, 2)
ROLES = ("superuser", "owner", "app", "replication")
PASSWORDS = {f"main.{role}": Secret(f"pw:{role}\\") for role in ROLES}


def scene(settings: DatabaseSettings | None = None) -> tuple[Unit, Scene]:
    return scene_for(
        settings or DatabaseSettings("shop"), "/srv/shop", PROGRAMS, passwords=PASSWORDS
    )


def files(unit: Unit, at: Scene) -> dict[str, str]:
    return {
        file.path.rpartition("/")[2]: file.text.reveal()
        if isinstance(file.text, Secret)
        else file.text
        for file in PostgreSQL().render(unit, at)
    }


def test_rendering_twice_gives_the_same() -> None:
    unit, at = scene()
    assert PostgreSQL().render(unit, at) == PostgreSQL().render(unit, at)
    assert PostgreSQL().launch(unit, at) == PostgreSQL().launch(unit, at)


def test_passwords_are_in_one_file_of_mode_0600_and_masked_elsewhere() -> None:
    unit, at = scene()
    rendered = PostgreSQL().render(unit, at)
    launch = PostgreSQL().launch(unit, at)
    shown = f"{rendered} {launch} {login(unit, at, 'app')} {login(unit, at, 'app').conninfo()}"
    assert "pw:" not in shown
    secret = [file for file in rendered if isinstance(file.text, Secret)]
    assert [(f.path, f.mode) for f in secret] == [("/srv/shop/config/pgpass", 0o600)]
    assert not any("pw:" in argument for c in launch.prepare for argument in c.argv)


def test_pgpass_escapes_what_has_a_meaning_there() -> None:
    unit, at = scene()
    lines = files(unit, at)["pgpass"].splitlines()
    assert "/srv/shop/run:5432:*:tenfold_app:pw\\:app\\\\" in lines
    assert "127.0.0.1:5432:*:tenfold_replication:pw\\:replication\\\\" in lines


def test_the_cluster_exists_when_its_version_file_does() -> None:
    unit, at = scene()
    initialise, before_start = PostgreSQL().launch(unit, at).prepare
    assert initialise.creates == "/srv/shop/data/cluster/PG_VERSION"
    assert before_start.creates is None  # at every start


@pytest.mark.parametrize(("major", "builtin"), [(15, False), (16, False), (17, True), (18, True)])
def test_collations_are_postgresqls_own_where_it_has_some(major: int, builtin: bool) -> None:
    unit, at = scene(DatabaseSettings("shop", major=major))
    argv = PostgreSQL().launch(unit, at).prepare[0].argv
    assert ("--locale-provider=builtin" in argv) == builtin
    assert "--locale=C.UTF-8" in argv


def test_versions_that_are_too_old_are_not_rendered() -> None:
    unit, at = scene(DatabaseSettings("shop", major=14))
    with pytest.raises(ValueError, match="older than 15"):
        PostgreSQL().render(unit, at)


def test_a_database_that_shares_its_host_takes_half_of_its_memory() -> None:
    unit, at = scene()
    shared = replace(at, topology=one_host())
    shared = replace(
        shared,
        wiring=replace(
            at.wiring,
            endpoints={m.path: "127.0.0.1:5432" for m in shared.topology.members()},
        ),
    )
    assert "shared_buffers = 256MB" in files(unit, at)["postgresql.conf"]
    assert "shared_buffers = 128MB" in files(unit, shared)["postgresql.conf"]


def test_the_edges_public_address_is_no_client() -> None:
    unit, at = scene()
    topology = one_host()
    endpoints = {m.path: "10.0.0.5:8000" for m in topology.members()}
    endpoints["vm1/edge"] = "0.0.0.0:80"
    at = replace(at, topology=topology, wiring=replace(at.wiring, endpoints=endpoints))
    hba = files(unit, at)["pg_hba.conf"]
    assert "10.0.0.5/32" in hba
    assert "0.0.0.0" not in hba


def test_no_setting_is_named_twice_and_no_file_is_included() -> None:
    names = [s.name for section in sections(SERVER, SIZES) for s in section.settings]
    assert len(names) == len(set(names))
    assert "include" not in postgresql_conf(SERVER, SIZES, 18)


def test_each_version_gets_what_it_knows() -> None:
    assert "allow_alter_system" not in postgresql_conf(SERVER, SIZES, 16)
    assert "allow_alter_system = off" in postgresql_conf(SERVER, SIZES, 17)


@pytest.mark.parametrize(
    ("value", "written"),
    [("plain", "'plain'"), ("it's", "'it''s'"), ("back\\slash", "'back\\\\slash'")],
)
def test_strings_are_quoted(value: str, written: str) -> None:
    assert quoted(value) == written


def test_a_socket_directory_with_a_comma_is_one_directory() -> None:
    conf = postgresql_conf(replace(SERVER, sockets="/run/a, b"), SIZES, 18)
    assert "unix_socket_directories = '\"/run/a, b\"'" in conf


def test_networks_of_clients() -> None:
    endpoints = ["127.0.0.2:5432", "127.0.0.1:8000", "10.1.2.3:8000", "[::1]:80", "[fd00::7]:80"]
    assert networks(endpoints) == ("10.1.2.3/32", "127.0.0.0/8", "::1/128", "fd00::7/128")


def test_an_endpoint_without_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="localhost"):
        networks(["localhost:5432"])


def test_names_in_pg_hba_are_only_names() -> None:
    hba = pg_hba_conf(DatabaseSettings("all", app_role='a"b'), ["127.0.0.0/8"])
    rows = [line.split() for line in hba.splitlines() if not line.startswith("#")]
    assert ["local", '"all"', '"tenfold_owner","a""b"', "scram-sha-256"] in rows
    assert rows[-2:] == [["local", "all", "all", "reject"], ["host", "all", "all", "all", "reject"]]
    assert {row[-1] for row in rows} == {"scram-sha-256", "reject"}


def test_psql_is_told_everything_by_its_environment() -> None:
    unit, at = scene()
    argv, environment = psql(login(unit, at, "owner"), "/opt/pg/bin/psql", "/srv/c", ("-Atc", "x"))
    assert argv == ("/opt/pg/bin/psql", "-Atc", "x")
    assert environment["PGUSER"] == "tenfold_owner"
    assert environment["PGDATABASE"] == "shop"
    assert environment["PGPASSFILE"] == "/srv/c/pgpass"
