"""The URL of a database that is the user's own: what it says, and what is said of it."""

from __future__ import annotations

import psycopg
import pytest

from tenfold.engines.postgresql import external
from tenfold.engines.postgresql.external import Address, Facts, parse
from tenfold.errors import Refused
from tenfold.secret import Secret

FINE = Facts("17.5", 17, encrypted=True, writable=True, creates=True, superuser=False)


def test_everything_in_its_place() -> None:
    found = parse(Secret("postgresql://sho%40p:p%3Aw@db.example:6543/my%20shop?sslmode=require"))
    assert (found.host, found.port, found.database, found.user) == (
        "db.example", "6543", "my shop", "sho@p",
    )  # fmt: skip
    assert found.password == Secret("p:w")
    assert found.place == "db.example:6543/my shop"
    assert not found.local
    assert "p:w" not in found.conninfo()
    assert "sslmode=require" in found.conninfo()


@pytest.mark.parametrize(
    ("url", "place", "local"),
    [
        ("postgres://a:b@localhost/x", "localhost:5432/x", True),
        ("postgresql://a:b@127.0.0.1:1/x", "127.0.0.1:1/x", True),
        ("postgresql://a:b@[::1]:1/x", "::1:1/x", True),
        ("postgresql://a:b@[2001:db8::1]/x", "2001:db8::1:5432/x", False),
        ("postgresql://a@/x?host=/run/postgresql", "/run/postgresql:5432/x", True),
        ("postgresql:///x?host=/run/pg&user=a", "/run/pg:5432/x", True),
        ("postgresql://a:b@one:1,two:2/x", "one:1,two:2/x", False),
        ("postgresql+asyncpg://a:b@db/x?ssl=require", "db:5432/x", False),
        ("postgresql+psycopg://a:b@10.0.0.1/x", "10.0.0.1:5432/x", False),
    ],
)
def test_forms(url: str, place: str, local: bool) -> None:
    found = parse(Secret(url))
    assert (found.place, found.local) == (place, local)
    psycopg.conninfo.conninfo_to_dict(found.conninfo())


def test_what_only_the_apps_driver_knows_is_left_out() -> None:
    found = parse(Secret("postgresql+asyncpg://a:b@db/x?ssl=require&pool_size=5&sslmode=require"))
    assert found.options == {"sslmode": "require"}
    assert "asyncpg" not in external.driverless(Secret("postgresql+asyncpg://a:b@db/x")).reveal()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2secret",
        "mysql://a:hunter2secret@db/x",
        "postgresql://a:hunter2secret@db",
        "postgresql://db/x",
        "postgresql://a:hunter2/secret@db:5432/x",
        "postgresql://a:b@db:hunter2secret/x",
        "postgresql://a:hunter2[secret@db/x",
    ],
)
def test_what_cannot_be_used_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(Secret(url))
    told = f"{refused.value.what} {refused.value.detail} {refused.value.next}"
    assert "hunter2" not in told
    assert "[database] url" in told


def test_a_password_in_what_libpq_says_is_masked() -> None:
    address = Address("db", "", "x", "a", Secret("hunter2"))
    error = psycopg.OperationalError('could not translate "hunter2@db" to address')
    refused = external.unreachable(address, error)
    assert "hunter2" not in f"{refused.what} {refused.detail} {refused.next}"


@pytest.mark.parametrize(
    ("facts", "migrates", "answer"),
    [
        (Facts("11.1", 11, True, True, True, False), False, "the oldest that Tenfold runs"),
        (Facts("17.5", 17, True, False, True, False), False, "takes no writes"),
        (Facts("17.5", 17, True, True, False, False), True, "may not create tables"),
    ],
)
def test_problems(facts: Facts, migrates: bool, answer: str) -> None:
    address = Address("db", "", "x", "a")
    (problem,) = external.problems(address, facts, migrates=migrates)
    assert answer in problem.what
    assert problem.next


def test_an_app_without_migrations_may_do_without_tables_of_its_own() -> None:
    facts = Facts("17.5", 17, True, True, False, False)
    assert list(external.problems(Address("db", "", "x", "a"), facts, migrates=False)) == []


@pytest.mark.parametrize(
    ("url", "facts", "words"),
    [
        ("postgresql://a:b@localhost/x", FINE, []),
        ("postgresql://a:b@db/x?sslmode=verify-full", FINE, []),
        ("postgresql://a:b@db/x?sslmode=require", FINE, ["TLS does not check who answers"]),
        (
            "postgresql://a:b@db/x?sslmode=disable",
            Facts("13.2", 13, False, True, True, True),
            ["gets no more fixes", "is not encrypted", "is a superuser"],
        ),
    ],
)
def test_notes(url: str, facts: Facts, words: list[str]) -> None:
    notes = list(external.notes(parse(Secret(url)), facts))
    assert len(notes) == len(words)
    for note, word in zip(notes, words, strict=True):
        assert word in note
