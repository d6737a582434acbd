"""What becomes of each statement of a dump."""

from __future__ import annotations

import pytest

from tenfold.importing import statements
from tenfold.importing.model import Name
from tenfold.importing.statements import Header, Unfit, header, runs


@pytest.mark.parametrize(
    ("text", "table", "columns"),
    [
        ("COPY public.people (id, name) FROM stdin", Name("people", "public"), ("id", "name")),
        ('COPY "my shop"."Order" ("Id", "a,b", "q""x") FROM stdin',
         Name("Order", "my shop"), ("Id", "a,b", 'q"x')),
        ("COPY public.größe (länge) FROM stdin", Name("größe", "public"), ("länge",)),
        ("COPY t FROM stdin", Name("t"), ()),
    ],
)  # fmt: skip
def test_what_data_are_about(text: str, table: Name, columns: tuple[str, ...]) -> None:
    assert header(text) == Header(table, columns)
    assert statements.is_copy(text)


@pytest.mark.parametrize(
    "text",
    [
        "COPY t (a) FROM stdin WITH (FORMAT csv)",
        "COPY t (a) FROM stdin CSV",
        "COPY a.b.c FROM stdin",
    ],
)
def test_data_in_another_form(text: str) -> None:
    with pytest.raises(Unfit):
        header(text)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE public.t (a int)",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (a)",
        "SELECT pg_catalog.setval('public.t_id_seq', 3, true)",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'OWNER TO x' $$",
        "INSERT INTO t VALUES ('GRANT SELECT ON t TO x')",
        "CREATE SCHEMA shop",
        "SET statement_timeout = 0",
        "COMMENT ON TABLE t IS 'a'",
    ],
)
def test_most_run(text: str) -> None:
    assert runs(text)


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE public.t OWNER TO bob",
        "ALTER FUNCTION public.f(integer, text) OWNER TO bob",
        "GRANT SELECT ON TABLE public.t TO bob",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE bob GRANT SELECT ON TABLES TO x",
        "COMMENT ON EXTENSION pgcrypto IS 'a'",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p",
        "CREATE SCHEMA public",
        "SET client_encoding = 'LATIN1'",
        "SET default_tablespace = ''",
    ],
)
def test_what_belongs_to_where_it_was_made_is_left_out(text: str) -> None:
    assert not runs(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("COMMIT", "transaction"),
        ("begin", "transaction"),
        ("ROLLBACK TO x", "transaction"),
        ("SET ROLE postgres", "another role"),
        ("SET SESSION AUTHORIZATION 'postgres'", "another role"),
        ("RESET ROLE", "another role"),
        ("CREATE DATABASE shop", "databases or roles"),
        ("CREATE ROLE bob", "databases or roles"),
    ],
)
def test_what_must_not_run(text: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        runs(text)


def test_what_else_is_read_from_them() -> None:
    assert statements.last_value("SELECT pg_catalog.setval('public.t_id_seq', 42, true)") == (
        Name("t_id_seq", "public"),
        42,
    )
    assert statements.last_value("SELECT pg_catalog.setval('\"A b\".\"x''y\"', 1, false)") == (
        Name("x'y", "A b"),
        0,
    )
    assert statements.last_value("SELECT 1") is None
    assert statements.extension('CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA x') == (
        "uuid-ossp"
    )
    assert statements.extension("CREATE TABLE extension (a int)") is None
    assert statements.encoding("SET client_encoding = 'UTF8'") == "UTF8"
    assert statements.inserts("insert into t values (1)")
