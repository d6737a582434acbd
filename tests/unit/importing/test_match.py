"""Which rows go where, and what stands in the way."""

from __future__ import annotations

from dataclasses import replace

from tests.support.columns import column

from tenfold.importing import match as matching
from tenfold.importing.match import Wishes
from tenfold.importing.model import (
    Column,
    Contents,
    Name,
    Plan,
    Schema,
    SourceColumn,
    SourceTable,
    Table,
    Trigger,
)

PEOPLE = Table(
    Name("people", "public"),
    (
        replace(column("integer", "id"), key=True, not_null=True, has_default=True),
        replace(column("text", "name"), not_null=True),
        column("integer", "age"),
    ),
)


def source(name: str, *columns: str, rows: int = 3, **more: object) -> SourceTable:
    made = SourceTable(Name(name), tuple(map(SourceColumn, columns)), rows)
    return replace(made, **more)  # type: ignore[arg-type]


def plan(*tables: SourceTable, schema: Schema | None = None, **wishes: object) -> Plan:
    contents = Contents("sqlite", tables)
    schema = schema or Schema((PEOPLE,))
    return matching.match(schema, contents, Wishes(**wishes))  # type: ignore[arg-type]


def whats(found: Plan) -> list[str]:
    return [problem.what for problem in found.problems]


def test_tables_and_columns_of_the_same_names() -> None:
    found = plan(source("people", "name", "id"))
    (copy,) = found.copies
    assert [(p.source.name, p.target.name) for p in copy.pairs] == [("name", "name"), ("id", "id")]
    assert found.problems == ()
    assert found.rows == 3


def test_names_that_differ_in_their_case_alone() -> None:
    found = plan(source("People", "ID", "Name"))
    assert [p.target.name for p in found.copies[0].pairs] == ["id", "name"]


def test_of_two_that_differ_in_case_each_goes_to_its_own_or_it_is_told() -> None:
    other = replace(PEOPLE, name=Name("People", "public"))
    both = Schema((PEOPLE, other))
    found = plan(source("people", "id", "name"), source("People", "id", "name"), schema=both)
    assert [c.target.name.table for c in found.copies] == ["people", "People"]
    found = plan(source("people", "id", "name"), source("People", "id", "name"))
    assert whats(found) == ["people and People would both go to people"]


def test_a_table_in_a_schema_of_its_own() -> None:
    shop = replace(PEOPLE, name=Name("people", "shop"))
    assert plan(source("people", "id", "name"), schema=Schema((shop,))).problems == ()
    twice = Schema((shop, replace(PEOPLE, name=Name("people", "hall"))))
    found = plan(source("people", "id", "name"), schema=twice)
    assert whats(found) == ["people has 3 rows, and the app's database no such table"]


def test_rows_without_a_table_to_go_to() -> None:
    found = plan(source("pets", "id"), source("empty", "id", rows=0))
    assert whats(found) == ["pets has 3 rows, and the app's database no such table"]
    assert found.problems[0].fix.startswith("--skip pets")
    assert [what for what, _ in found.left_out] == ["empty"]
    assert plan(source("pets", "id"), skip=frozenset({"pets"})).problems == ()


def test_values_without_a_column_to_go_to() -> None:
    found = plan(source("people", "id", "name", "nick"))
    assert whats(found) == ["people.nick has no column to go to in the app's database"]
    skipped = plan(source("people", "id", "name", "nick"), skip=frozenset({"people.nick"}))
    assert skipped.problems == ()
    assert skipped.left_out == (("people.nick", "as you said"),)


def test_columns_without_values() -> None:
    assert whats(plan(source("people", "id"))) == [
        "people has no name, and the app's database takes no row without"
    ]
    assert plan(source("people", "id", "name")).problems == ()  # age may be NULL


def test_columns_that_the_database_computes() -> None:
    twice = Column("twice", column("integer").type, not_null=True, computed=True)
    table = replace(PEOPLE, columns=(*PEOPLE.columns, twice))
    found = plan(source("people", "id", "name", "twice"), schema=Schema((table,)))
    assert found.problems == ()
    assert ("people.twice", "the database computes it") in found.left_out


def test_tables_that_have_rows_already() -> None:
    full = Schema((replace(PEOPLE, rows=1203),))
    found = plan(source("people", "id", "name"), schema=full)
    assert whats(found) == ["people has 1,203 rows already"]
    found = plan(source("people", "id", "name"), schema=full, replace=frozenset({"people"}))
    assert found.problems == ()
    assert found.copies[0].replaces == 1203


def test_rows_stay_where_the_source_has_none() -> None:
    full = Schema((replace(PEOPLE, rows=1),))
    found = plan(source("people", "id", "name", rows=0), schema=full)
    assert (found.copies, found.problems) == ((), ())
    assert found.left_out == (("people", "empty; what is there (1 row) stays"),)
    emptied = frozenset({"people"})
    found = plan(source("people", "id", "name", rows=0), schema=full, replace=emptied)
    assert found.copies[0].replaces == 1


def test_tables_of_migrations_stay_and_what_django_s_migrations_made_is_replaced() -> None:
    made = [
        Table(Name(name, "public"), (column("integer", "id"),), rows=5)
        for name in ("django_migrations", "django_content_type", "auth_permission")
    ]
    found = plan(*(source(t.name.table, "id") for t in made), schema=Schema(tuple(made)))
    assert found.problems == ()
    assert [(str(c.target.name), c.replaces) for c in found.copies] == [
        ("django_content_type", 5),
        ("auth_permission", 5),
    ]
    assert [what for what, _ in found.left_out] == ["django_migrations"]


def test_different_migrations_are_told_both_ways() -> None:
    def at(*names: str) -> dict[str, frozenset[str]]:
        return {"django_migrations": frozenset(names)}

    schema = Schema((PEOPLE,), migrations=at("shop.0001", "shop.0002"))
    older = Contents("sqlite", (source("people", "id", "name"),), migrations=at("shop.0001"))
    assert whats(matching.match(schema, older, Wishes())) == [
        "django_migrations: the source lacks shop.0002"
    ]
    newer = replace(older, migrations=at("shop.0001", "shop.0002", "shop.0003"))
    assert whats(matching.match(schema, newer, Wishes())) == [
        "django_migrations: the source has shop.0003, and the app's database has not"
    ]
    assert matching.match(schema, newer, Wishes(despite_migrations=True)).problems == ()
    none = replace(older, migrations={})
    assert matching.match(schema, none, Wishes()).problems == ()


def test_tables_that_would_not_let_rows_in() -> None:
    guarded = Schema((replace(PEOPLE, guarded=True),))
    assert "row security" in whats(plan(source("people", "id", "name"), schema=guarded))[0]
    foreign = Schema((replace(PEOPLE, owned=False),))
    assert "another role" in whats(plan(source("people", "id", "name"), schema=foreign))[0]


def test_what_a_person_should_know() -> None:
    search = replace(PEOPLE, columns=(*PEOPLE.columns, column("tsvector", "words")))
    logs = Table(Name("logs", "public"), (column("integer", "id"),))
    schema = Schema(
        (search, logs),
        triggers=(
            Trigger("stamp", search.name, "O"),
            Trigger("asleep", search.name, "D"),
            Trigger("elsewhere", logs.name, "O"),
        ),
    )
    found = plan(source("people", "id", "name", "words"), schema=schema)
    assert found.notes == (
        "people.words (tsvector) is read by PostgreSQL alone, and not compared",
        "trigger stamp of people does not fire for these rows",
        "not in the source, and left as they are: logs",
    )


def test_wishes_that_name_nothing() -> None:
    contents = Contents("sqlite", (source("people", "id"),))
    wishes = Wishes(skip=frozenset({"people.id", "peple"}), replace=frozenset({"nobody"}))
    assert matching.unknown(wishes, Schema((PEOPLE,)), contents) == ("peple", "nobody")
