"""Dumps and databases of PostgreSQL's: their rows into tables that are there, or all of it."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.support.imports import Heard, Place, place, place_server
from tests.support.postgres import ADDRESS, Server

from tenfold.engines.postgresql import external
from tenfold.engines.postgresql import schema as schemas
from tenfold.errors import Refused, TenfoldError
from tenfold.importing import catalogue, database, dump_sql, match, whole
from tenfold.importing.dump import DumpSource
from tenfold.importing.dump_sql import DumpFile
from tenfold.importing.match import Wishes
from tenfold.importing.recognise import recognise
from tenfold.secret import Secret

pytestmark = [pytest.mark.engine, pytest.mark.few(10)]
FORMATS = ("plain", "gzip", "custom", "tar", "directory")
SCHEMA = (
    "CREATE TYPE mood AS ENUM ('sad', 'happy')",
    "CREATE TABLE authors (id serial PRIMARY KEY, name varchar(40) UNIQUE, best int)",
    'CREATE TABLE "Big Books" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,'
    ' author int REFERENCES authors ON DELETE CASCADE, "the title" text NOT NULL,'
    " price numeric(10,2), ratio double precision, seen timestamptz, data bytea, doc jsonb,"
    " mood mood, tags text[], code char(6), at inet, took interval, truth boolean,"
    " twice numeric GENERATED ALWAYS AS (price * 2) STORED)",
    'ALTER TABLE authors ADD FOREIGN KEY (best) REFERENCES "Big Books"',
    "CREATE TABLE empty (id int)",
)
ROWS = (
    "INSERT INTO authors (name) SELECT 'author ' || i FROM generate_series(1, 50) i",
    'INSERT INTO "Big Books" (author, "the title", price, ratio, seen, data, doc, mood, tags, code,'
    " at, took, truth) SELECT 1 + i % 50, E'tab\\t\\\\N \\r\\n\\\\. größer ' || i, i / 3.0,"
    " 1.0 / i,"
    " '2024-01-01 10:00+02'::timestamptz + i * interval '1 hour', decode(md5(i::text), 'hex'),"
    " jsonb_build_object('b', i, 'a', 1.50), 'happy', ARRAY['a,b', NULL, i::text], 'x', '10.0.0.1',"
    " i * interval '1 day 1 second', i % 2 = 0 FROM generate_series(1, 500) i",
    'INSERT INTO "Big Books" ("the title") VALUES (\'\')',
    "UPDATE authors SET best = id WHERE id < 10",
    "DELETE FROM authors WHERE id = 50",
    "SELECT nextval('authors_id_seq')",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with place_server() as found:
        yield found


@pytest.fixture(scope="module")
def old(server: Server) -> Iterator[Place]:
    """A database with something of everything in it."""
    with place(server) as found:
        found.do(*SCHEMA, *ROWS)
        yield found


@pytest.fixture
def here(server: Server) -> Iterator[Place]:
    with place(server) as found:
        yield found


def program(server: Server, name: str) -> str:
    return str(Path(server.scene.place.binaries["postgres"]).with_name(name))


def dumped(old: Place, folder: Path, form: str, *more: str) -> Path:
    """A dump of a database in one of :data:`FORMATS`."""
    who = old.server.login("app", database=old.database)
    file = folder / f"{form}.dump"
    how = "plain" if form == "gzip" else form
    subprocess.run(
        [program(old.server, "pg_dump"), f"--format={how}", f"--file={file}", *more],
        check=True,
        env={
            "PATH": os.environ["PATH"],
            "PGTZ": "America/New_York",
            "PGHOST": who.host,
            "PGPORT": str(who.port),
            "PGUSER": who.user,
            "PGDATABASE": who.database,
            "PGPASSWORD": who.password.reveal(),
        },
    )
    if form == "gzip":
        packed = folder / "plain.sql.gz"
        packed.write_bytes(gzip.compress(file.read_bytes()))
        return packed
    return file


def source(old: Place, file: Path) -> DumpSource:
    return DumpSource(DumpFile(file, recognise(file), program(old.server, "pg_restore")))


def everything(of: Place) -> dict[str, object]:
    """Every row of every table, in the order of their text."""
    tables = [str(n) for (n,) in of.ask("SELECT oid::regclass FROM pg_class WHERE relkind = 'r'"
                                        " AND relnamespace = 'public'::regnamespace")]  # fmt: skip
    return {t: of.ask(f"SELECT t::text FROM {t} t ORDER BY 1") for t in sorted(tables)}


def take_over(here: Place, file: DumpFile, heard: Heard | None = None) -> None:
    with here.connect() as connection:
        schema = catalogue.read(connection)
        whole.take_over(connection, schema, file.opened, file.name, heard or Heard())


@pytest.mark.parametrize("form", FORMATS)
def test_rows_of_a_dump_into_tables_that_are_there(
    old: Place, here: Place, tmp_path: Path, form: str
) -> None:
    here.do(*SCHEMA)
    plan = here.take(source(old, dumped(old, tmp_path, form)))
    assert {str(c.target.name): c.source.rows for c in plan.copies} == {
        "authors": 49, "Big Books": 491, "empty": 0,
    }  # fmt: skip
    assert everything(here) == everything(old)
    assert here.one("INSERT INTO authors DEFAULT VALUES RETURNING id") == 52
    assert here.one('INSERT INTO "Big Books" ("the title") VALUES (\'\') RETURNING id') == 502


@pytest.mark.parametrize("form", FORMATS)
def test_a_dump_as_a_whole(old: Place, here: Place, tmp_path: Path, form: str) -> None:
    here.do("CREATE TABLE authors (id int)", "CREATE TYPE mood AS ENUM ('so-so')",
            "CREATE VIEW v AS SELECT * FROM authors", "CREATE SCHEMA other",
            "CREATE TABLE other.t (id int)", "CREATE SEQUENCE alone",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")  # fmt: skip
    file = dumped(old, tmp_path, form)
    heard = Heard()
    take_over(here, source(old, file).file, heard)
    assert everything(here) == everything(old)
    with here.connect() as one, old.connect() as other:
        assert schemas.digests(one) == schemas.digests(other)
    assert sorted(heard.copied_tables) == [("Big Books", 491), ("authors", 49), ("empty", 0)]


def test_inserts_go_whole_and_are_refused_otherwise(
    old: Place, here: Place, tmp_path: Path
) -> None:
    file = dumped(old, tmp_path, "plain", "--inserts", "--rows-per-insert=7")
    found = source(old, file)
    (problem,) = found.contents(lambda text: None).problems
    assert "INSERT statements" in problem.what
    take_over(here, found.file)
    assert everything(here) == everything(old)


def test_the_order_of_a_dump_does_not_matter_nor_what_is_skipped(
    old: Place, here: Place, tmp_path: Path
) -> None:
    here.do(
        *SCHEMA,
        'ALTER TABLE "Big Books" DROP COLUMN doc, ALTER COLUMN author DROP NOT NULL',
        "DROP TABLE empty",
    )
    found = source(old, dumped(old, tmp_path, "custom"))
    with here.connect() as connection:
        contents = found.contents(lambda text: None)
        plan = match.match(catalogue.read(connection), contents, Wishes())
    assert [p.what for p in plan.problems] == [
        "Big Books.doc has no column to go to in the app's database"
    ]
    here.take(found, Wishes(skip=frozenset({"Big Books.doc"})))
    assert here.one('SELECT count(*) FROM "Big Books" WHERE data IS NOT NULL') == 490


def test_of_who_owned_what_and_who_might_what_nothing_comes_along(
    old: Place, here: Place, tmp_path: Path
) -> None:
    with old.server.connect("superuser", database=old.database) as superuser:
        superuser.execute("CREATE ROLE bob")
        superuser.execute("CREATE TABLE bobs (id int)")
        superuser.execute("ALTER TABLE bobs OWNER TO bob")
        superuser.execute("GRANT SELECT ON bobs TO PUBLIC")
        superuser.execute("ALTER DEFAULT PRIVILEGES FOR ROLE bob GRANT ALL ON TABLES TO bob")
        superuser.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    try:
        file = dumped(old, tmp_path, "plain")
        text = file.read_text()
        for trace in ("OWNER TO bob", "GRANT SELECT ON TABLE public.bobs", "CREATE PUBLICATION"):
            assert trace in text
        take_over(here, source(old, file).file)
        assert here.one(
            "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'bobs'"
        ) == ("tenfold_app")
        assert here.one("SELECT relacl FROM pg_class WHERE relname = 'bobs'") is None
        assert here.one("SELECT count(*) FROM pg_publication") == 0
    finally:
        with old.server.connect("superuser", database=old.database) as superuser:
            superuser.execute("DROP PUBLICATION everything")
            superuser.execute("DROP OWNED BY bob")
            superuser.execute("DROP ROLE bob")


def test_one_statement_that_fails_takes_everything_back(
    old: Place, here: Place, tmp_path: Path
) -> None:
    here.do("CREATE TABLE authors (id int)", "CREATE TABLE mine (id int)")
    with here.connect() as connection:
        before = schemas.digests(connection)
    file = dumped(old, tmp_path, "plain")
    end = "-- PostgreSQL database dump complete"
    for statement, why in (
        ("CREATE TABLE public.x (a nothing);", 'type "nothing" does not exist'),
        ("COMMIT;", "it begins or ends a transaction"),
        ("SET ROLE postgres;", "it becomes another role"),
        ("COPY public.authors FROM PROGRAM 'id';", "permission denied"),
        ("\\! touch /tmp/never", "a command of psql's"),
        ("\\connect other", "a command of psql's"),
    ):
        bad = tmp_path / "bad.sql"
        bad.write_text(file.read_text().replace(end, f"{statement}\n{end}"))
        with pytest.raises(TenfoldError) as failed:
            take_over(here, source(old, bad).file)
        assert why in f"{failed.value.what} {failed.value.detail}"
        assert "line " in failed.value.what
        with here.connect() as connection:
            assert schemas.digests(connection) == before
    assert not Path("/tmp/never").exists()


@pytest.mark.parametrize("form", FORMATS)
def test_a_dump_that_is_cut_off_is_told_before_and_takes_nothing_along(
    old: Place, here: Place, tmp_path: Path, form: str
) -> None:
    file = dumped(old, tmp_path, form)
    if form == "directory":
        victim = max(file.glob("*.dat*"), key=lambda f: f.stat().st_size)
    else:
        victim = file
    raw = victim.read_bytes()
    victim.write_bytes(raw[: len(raw) * 2 // 3])
    with pytest.raises(TenfoldError, match=r"cut off|damaged|cannot be unpacked"):
        source(old, file).contents(lambda text: None)
    with pytest.raises(TenfoldError, match=r"cut off|damaged|cannot be unpacked"):
        take_over(here, DumpFile(file, _form(form), program(old.server, "pg_restore")))
    assert everything(here) == {}


def _form(form: str) -> dump_sql.Form:
    forms: dict[str, dump_sql.Form] = {"plain": "sql", "gzip": "gzip", "custom": "custom",
                                       "tar": "tar", "directory": "directory"}  # fmt: skip
    return forms[form]


def test_a_last_line_that_is_missing(old: Place, tmp_path: Path) -> None:
    file = dumped(old, tmp_path, "plain")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "dump complete" not in line))
    with pytest.raises(Refused, match="cut off: its last line"):
        source(old, file).contents(lambda text: None)


def test_a_dump_in_another_encoding(old: Place, here: Place, tmp_path: Path) -> None:
    here.do(*SCHEMA)
    latin = dumped(old, tmp_path, "custom", "--encoding=LATIN1")
    here.take(source(old, latin))
    assert everything(here) == everything(old)
    with place(old.server) as other:
        take_over(other, source(old, dumped(old, tmp_path, "plain", "--encoding=LATIN1")).file)
        assert everything(other) == everything(old)


def test_text_that_is_not_utf_8_in_a_dump(old: Place, here: Place, tmp_path: Path) -> None:
    here.do("CREATE TABLE t (id int, name text)")
    file = tmp_path / "x.sql"
    file.write_bytes(
        b"-- PostgreSQL database dump\nSET client_encoding = 'SQL_ASCII';\n"
        b"COPY public.t (id, name) FROM stdin;\n1\tfine\n2\tc\xc3(\n\\.\n"
        b"-- PostgreSQL database dump complete\n"
    )
    with pytest.raises(TenfoldError, match="invalid byte sequence") as failed:
        here.take(source(old, file))
    assert "line 5 of the dump's SQL" in failed.value.what
    assert here.one("SELECT count(*) FROM t") == 0


def test_a_newer_postgresql(old: Place, here: Place, tmp_path: Path) -> None:
    file = dumped(old, tmp_path, "plain")
    file.write_text(file.read_text().replace("database version 18", "database version 99"))
    with here.connect() as connection:
        found = whole.problems(
            connection,
            catalogue.read(connection),
            Wishes(),
            extensions=(),
            major=source(old, file).file.major(),
        )
        (problem,) = found
    assert "it is of PostgreSQL 99" in problem.what
    archive = dumped(old, tmp_path, "custom")
    raw = bytearray(archive.read_bytes())
    raw[6] = 99  # the minor version of the archive's own form
    archive.write_bytes(raw)
    with pytest.raises(Refused, match="was made by a newer PostgreSQL"):
        source(old, archive).contents(lambda text: None)


def test_an_archive_that_is_packed_in_a_way_that_this_build_does_not_know(
    old: Place, tmp_path: Path
) -> None:
    archive = dumped(old, tmp_path, "custom")
    raw = bytearray(archive.read_bytes())
    raw[11] = 3  # zstd
    archive.write_bytes(raw)
    with pytest.raises(Refused, match="is packed in a way"):
        source(old, archive).contents(lambda text: None)


def test_extensions_that_are_missing_are_named_before(here: Place) -> None:
    def asked(*extensions: str) -> list[str]:
        with here.connect() as connection:
            schema = catalogue.read(connection)
            found = whole.problems(connection, schema, Wishes(), extensions=extensions, major=None)
            return [problem.what for problem in found]

    assert asked("plpgsql", "citext") == []
    assert asked("postgis") == [
        "it needs the extension postgis, which the app's PostgreSQL does not have"
    ]
    assert asked("amcheck") == ["it needs the extension amcheck, which only a superuser can make"]


def test_a_whole_database_does_not_go_where_rows_are(here: Place) -> None:
    here.do(
        "CREATE TABLE a (id int)", "INSERT INTO a VALUES (1)",
        "CREATE TABLE django_migrations (app text, name text)",
        "INSERT INTO django_migrations VALUES ('a', 'b')",
    )  # fmt: skip
    with here.connect() as connection:
        schema = catalogue.read(connection)
        found = list(whole.problems(connection, schema, Wishes(), extensions=(), major=None))
        assert [p.what for p in found] == ["a has 1 row already"]
        wishes = Wishes(replace=frozenset({"a"}))
        assert not list(whole.problems(connection, schema, wishes, extensions=(), major=None))


@contextmanager
def asked(old: Place, more: str = "") -> Iterator[database.DatabaseSource]:
    who = old.server.login("app", database=old.database)
    password = quote(who.password.reveal(), safe="")
    url = f"postgresql+psycopg://{who.user}:{password}@{ADDRESS}:{who.port}/{who.database}{more}"
    with database.opened(external.parse(Secret(url))) as found:
        yield found


def test_rows_of_a_database_by_its_url(old: Place, here: Place) -> None:
    here.do(*SCHEMA)
    with asked(old) as found:
        here.take(found)
    assert everything(here) == everything(old)
    assert here.one("INSERT INTO authors DEFAULT VALUES RETURNING id") == 52


def test_a_database_is_seen_as_it_was_at_one_moment(old: Place, here: Place) -> None:
    here.do(*SCHEMA)
    before = everything(old)
    with place(old.server) as moving:
        moving.do(*SCHEMA, *ROWS)

        class Writing(Heard):
            def doing(self, text: str) -> None:
                moving.do("INSERT INTO authors DEFAULT VALUES")

        with asked(moving) as found:
            here.take(found, heard=Writing())
        assert moving.one("SELECT count(*) FROM authors") > 49
    assert everything(here) == before


def test_other_types_are_made_by_the_source_where_it_can(here: Place, server: Server) -> None:
    with place(server) as other:
        other.do(
            "CREATE TABLE t (id int, name varchar(9), truth int, doc json, at timestamp, n text)",
            "INSERT INTO t VALUES (1, 'a', 1, '{\"b\": 1,  \"a\": 2}', '2024-01-01 10:00', '12')",
        )
        here.do(
            "CREATE TABLE t (id bigint, name text, truth boolean, doc jsonb, at timestamptz,"
            " n numeric)"
        )
        with asked(other) as found:
            here.take(found)
        assert here.one("SELECT t::text FROM t") == (
            '(1,a,t,"{""a"": 2, ""b"": 1}","2024-01-01 10:00:00+00",12)'
        )
        here.do("DELETE FROM t")
        other.do("UPDATE t SET n = 'twelve'")
        with asked(other) as found, pytest.raises(TenfoldError, match="broke off") as failed:
            here.take(found)
        assert 'invalid input syntax for type numeric: "twelve"' in failed.value.what
        assert here.one("SELECT count(*) FROM t") == 0


def test_a_source_that_may_not_be_read(old: Place, here: Place) -> None:
    with old.server.connect("superuser", database=old.database) as superuser:
        superuser.execute("CREATE TABLE hidden (id int)")
    try:
        with (
            asked(old) as found,
            pytest.raises(Refused, match="tenfold_app may not read everything"),
        ):
            found.contents(lambda text: None)
    finally:
        with old.server.connect("superuser", database=old.database) as superuser:
            superuser.execute("DROP TABLE hidden")


def test_large_objects_go_whole_alone(here: Place, server: Server) -> None:
    with place(server) as other:
        other.do("SELECT lo_from_bytea(0, 'bread')")
        with asked(other) as found:
            (problem,) = found.contents(lambda text: None).problems
        assert "1 large object" in problem.what


def test_a_source_that_goes_away_in_the_middle_takes_nothing_along(old: Place, here: Place) -> None:
    here.do(*SCHEMA)

    def cut(copy: object, rows: int) -> None:
        with old.server.connect("superuser", database="postgres") as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{old.database}' AND pid <> pg_backend_pid()".encode()
            )

    with asked(old) as found, pytest.raises(TenfoldError, match=r"the source .* broke off"):
        here.take(found, heard=Heard(on_rows=cut))
    assert here.one("SELECT count(*) FROM authors") == 0
