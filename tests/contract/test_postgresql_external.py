"""Looking at a database that is somebody else's: a real server, with TLS and without."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support.postgres import ADDRESS, Server, installations, running

from tenfold.engines.postgresql import external, health
from tenfold.engines.postgresql.external import look, parse
from tenfold.engines.postgresql.external_health import examine
from tenfold.engines.postgresql.login import Connection
from tenfold.errors import Refused
from tenfold.secret import Secret

pytestmark = pytest.mark.engine


def url(server: Server, role: str = "app", *, host: str = ADDRESS, more: str = "") -> Secret:
    """As a person would be given it; with another host, that name leads to the same server."""
    who = server.login(role)
    options = [*([f"hostaddr={ADDRESS}"] if host != ADDRESS else []), *([more] if more else [])]
    query = f"?{'&'.join(options)}" if options else ""
    password = quote(who.password.reveal(), safe="")
    return Secret(f"postgresql://{who.user}:{password}@{host}:{who.port}/{who.database}{query}")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        rules = Path(found.scene.place.config) / "pg_hba.conf"
        rules.write_text(f"host all all {ADDRESS}/32 scram-sha-256\n{rules.read_text()}")
        with found.connect("superuser", database="postgres") as superuser:
            superuser.execute("SELECT pg_reload_conf()")
        yield found


def test_what_it_is(server: Server) -> None:
    facts = look(parse(url(server)))
    assert facts.version == server_version(server)
    assert (facts.encrypted, facts.writable, facts.creates, facts.superuser) == (
        False, True, True, False,
    )  # fmt: skip


def server_version(server: Server) -> str:
    with server.connect("app") as connection:
        number = connection.info.server_version
    return f"{number // 10000}.{number % 10000}"


def test_without_tls_no_password_leaves_this_machine_unless_the_url_says_so(server: Server) -> None:
    with pytest.raises(Refused, match="has no TLS, and is not on this machine"):
        look(parse(url(server, host="db.example")))
    facts = look(parse(url(server, host="db.example", more="sslmode=disable")))
    assert not facts.encrypted


def test_why_it_cannot_be_used(server: Server) -> None:
    right = url(server).reveal()
    password = server.login("app").password.reveal()
    wrong = Secret(right.replace(quote(password, safe=""), "wrong-hunter2"))
    with pytest.raises(Refused, match="does not let tenfold_app in") as refused:
        look(parse(wrong))
    assert "hunter2" not in f"{refused.value.what}{refused.value.detail}{refused.value.next}"
    with pytest.raises(Refused, match="does not let nobody-here in"):
        look(parse(Secret(f"postgresql://nobody-here:x@{right.rpartition('@')[2]}")))
    with pytest.raises(Refused, match="has no database of this name"):
        look(parse(Secret(right.replace("/shop", "/none"))))
    with pytest.raises(Refused, match="cannot be reached"):
        look(parse(Secret(f"postgresql://a:b@{ADDRESS}:1/x")))


def test_a_user_who_may_only_read(server: Server) -> None:
    found = parse(url(server, more="options=-c%20default_transaction_read_only%3Don"))
    facts = look(found)
    assert not facts.writable
    (problem,) = external.problems(found, facts, migrates=True)
    assert "takes no writes" in problem.what


def test_a_user_who_may_create_nothing(server: Server) -> None:
    with server.connect("superuser") as superuser:
        superuser.execute("CREATE ROLE guest LOGIN PASSWORD 'guest-pw'")
        superuser.execute("GRANT CONNECT ON DATABASE shop TO guest")
    port = server.login("app").port
    facts = look(parse(Secret(f"postgresql://guest:guest-pw@{ADDRESS}:{port}/shop")))
    assert (facts.writable, facts.creates) == (True, False)


def test_how_it_is_run_and_what_is_in_it(server: Server) -> None:
    with server.connect("app") as app:
        app.execute("CREATE UNLOGGED TABLE cache (id smallint PRIMARY KEY)")
        app.execute("CREATE SEQUENCE counted AS smallint")
        app.execute("SELECT setval('counted', 32000)")
    with server.connect("superuser") as superuser:
        superuser.execute("CREATE SCHEMA hidden; CREATE SEQUENCE hidden.other; ")
        superuser.execute("SELECT setval('hidden.other', 5)")
        superuser.execute("ALTER ROLE tenfold_app SET synchronous_commit = off")
    found = examine(parse(url(server)))
    with server.connect("superuser") as superuser:
        superuser.execute("ALTER ROLE tenfold_app RESET synchronous_commit")
    assert found.unsafe == ("synchronous_commit = off",)
    assert (found.private, found.archives) == (True, True)
    assert {"plpgsql", "pg_trgm"} <= found.extensions
    assert found.health.unlogged == ("public.cache",)
    assert [(s.name, s.last) for s in found.health.sequences if s.last] == [
        ("public.counted", 32000)
    ]
    assert found.health.max_connections > found.health.connections
    assert examine(parse(url(server))).unsafe == ()


def test_looking_leaves_nothing_behind_in_the_session(server: Server) -> None:
    """Behind a pooler the same session is somebody else's in a moment."""
    with external.connected(parse(url(server))) as connection:
        before = settings(connection)
        health.of(connection)
        assert settings(connection) == before


def settings(connection: Connection) -> list[tuple[object, ...]]:
    """What is set in this session, but of the transaction at hand, which each begins anew."""
    changed = (
        "SELECT name, setting FROM pg_settings"
        " WHERE source = 'session' AND name !~ '^transaction_' ORDER BY 1"
    )
    return connection.execute(changed).fetchall()


def test_one_that_is_away_is_told_without_its_password(server: Server) -> None:
    away = Secret(f"postgresql://shop:hunter2@{ADDRESS}:1/shop")
    with pytest.raises(Refused, match="cannot be reached") as refused:
        examine(parse(away))
    assert "hunter2" not in f"{refused.value.what} {refused.value.detail}"


def test_psql_takes_the_password_from_an_open_file(server: Server) -> None:
    right = url(server)
    program = server.scene.place.binaries["psql"]
    argv, environment = external.psql(parse(right), program, ("-Atc", "select current_user"))
    password = server.login("app").password.reveal()
    assert password not in " ".join((*argv, *environment.values()))
    passed = int(environment["PGPASSFILE"].rpartition("/")[2])
    try:
        said = subprocess.run(
            argv,
            env={"PATH": os.defpath, **environment},
            pass_fds=[passed],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    finally:
        os.close(passed)
    assert (said.stdout, said.stderr) == ("tenfold_app\n", "")


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server with a certificate of its own making, for the name ``db.example``."""
    found = [b for b in installations() if b.source == "path"]
    if not found:
        pytest.skip("no PostgreSQL with TLS on this machine")
    with running(binaries=found[0]) as server:
        certificate = server.data / "server.crt"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=db.example", "-addext", "subjectAltName=DNS:db.example"),
                *("-keyout", str(server.data / "server.key"), "-out", str(certificate)),
            ],
            check=True,
            capture_output=True,
        )
        for name in ("server.crt", "server.key"):
            (server.data / name).chmod(0o600)
            server._own(server.data / name)
        with server.connect("superuser", database="postgres") as superuser:
            superuser.execute("ALTER SYSTEM SET ssl = on")
            superuser.execute("SELECT pg_reload_conf()")
        trusted = tmp_path / "root.crt"
        trusted.write_text(certificate.read_text())
        yield server, trusted


def test_tls(encrypted: tuple[Server, Path]) -> None:
    server, trusted = encrypted
    insisted = parse(url(server, host="db.example"))
    facts = look(insisted)
    assert facts.encrypted
    assert external.encrypted_words(insisted, facts) == "TLS (not insisted on)"
    checked = f"sslmode=verify-full&sslrootcert={quote(str(trusted), safe='')}"
    address = parse(url(server, host="db.example", more=checked))
    assert look(address).encrypted
    assert list(external.notes(address, facts)) == []
    with pytest.raises(Refused, match="cannot be reached") as refused:
        look(parse(url(server, host="other.example", more=checked)))
    assert "other.example" in (refused.value.detail or "")
