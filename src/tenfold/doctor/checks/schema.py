"""The database's schema: what grows into trouble, and at which stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import DatabaseFacts
from tenfold.doctor.model import Seen, check
from tenfold.engines.postgresql.health import Sequence
from tenfold.stages import STAGES

FULL = 0.9
"""Beyond that share of its numbers a sequence is a fault."""
GROWTH = 10
"""From stage to stage."""
FORESIGHT = 2
"""Stages that are looked ahead."""
MANY_ROWS = 10_000


@check("schema.no-primary-key", "a table has no primary key", bites="1m")
def no_primary_key(facts: DatabaseFacts) -> Iterator[Seen]:
    """When a database is federated or sharded (1m), rows move by logical replication. It finds the
    row to change by its primary key; from a table without one, UPDATE and DELETE fail as soon as it
    is published. Until then such a table only gathers duplicates that nobody can name.

    Looked for: tables without a primary key and without another replica identity, those of
    extensions left out.
    """
    if facts.health.keyless:
        told = tuple(f"{t.name}, about {t.rows} rows" for t in facts.health.keyless)
        fix = (
            f"ALTER TABLE {facts.health.keyless[0].name} "
            "ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        )
        yield Seen("tables have no primary key", told, fix, bites="1m")


@check("schema.unlogged", "a table is not in the log", bites="100")
def unlogged(facts: DatabaseFacts) -> Iterator[Seen]:
    """An unlogged table is empty after a crash, and empty on every follower. A move between stages
    makes a follower the leader, so it refuses as long as there is one.

    Looked for: tables that are unlogged. In a database of your own, which is not moved, they are
    told as advice.
    """
    if facts.health.unlogged:
        fix = f"ALTER TABLE {facts.health.unlogged[0]} SET LOGGED"
        bites = None if facts.own else "100"
        yield Seen("tables are not in the log", facts.health.unlogged, fix, bites)


@check("schema.sequence-near-end", "a sequence nears its end", bites="now, or the stage of its end")
def sequence(facts: DatabaseFacts) -> Iterator[Seen]:
    """An `integer` key ends at 2,147,483,647 (`smallint` at 32,767), and the next INSERT fails.
    Each stage has ten times the users of the one before, and uses about ten times the numbers.

    Looked for: sequences beyond 90 % of what they or their column can hold, and those that would be
    within the next two stages.
    """
    by_stage: dict[str, list[Sequence]] = {}
    for one in facts.health.sequences:
        stage = _ends_at(one, facts.stage)
        if stage is not None:
            by_stage.setdefault(stage, []).append(one)
    for stage, found in by_stage.items():
        told = tuple(
            f"{s.column or s.name}: {s.last} of {s.limit} ({s.last / s.limit:.0%})" for s in found
        )
        yield Seen("sequences near their end", told, _larger(found[0]), bites=stage)


def _ends_at(one: Sequence, stage: str) -> str | None:
    """The stage at which it will be full, as far as one looks ahead."""
    place = STAGES.index(stage)
    for ahead, name in enumerate(STAGES[place : place + FORESIGHT + 1]):
        if one.last * GROWTH**ahead >= one.limit * FULL:
            return name
    return None


def _larger(one: Sequence) -> str:
    table, _, column = one.column.rpartition(".")
    if not table:
        return f"ALTER SEQUENCE {one.name} AS bigint MAXVALUE 9223372036854775807"
    return (
        f"ALTER TABLE {table} ALTER COLUMN {column} TYPE bigint\n"
        "That rewrites the table under a lock. Where it takes too long: a new bigint column,\n"
        "filled in portions, then swapped. Columns that refer to it need the same"
    )


@check("schema.foreign-key-without-index", "a foreign key has no index", bites="1k")
def unindexed(facts: DatabaseFacts) -> Iterator[Seen]:
    """Deleting a row, or changing its key, looks for rows that refer to it. Without an index that
    reads the whole referring table, under locks.

    Looked for: foreign keys of tables with 10,000 rows or more whose columns no index begins with.
    """
    found = [k for k in facts.health.foreign_keys if not k.indexed and k.rows >= MANY_ROWS]
    if found:
        told = tuple(f"{k.table} ({', '.join(k.columns)}), about {k.rows} rows" for k in found)
        fix = f"CREATE INDEX CONCURRENTLY ON {found[0].table} ({', '.join(found[0].columns)})"
        yield Seen("foreign keys have no index", told, fix, bites="1k")


@check("schema.foreign-key-across-schemas", "a foreign key crosses a border", bites="1m")
def across(facts: DatabaseFacts) -> Iterator[Seen]:
    """When parts of the app get databases of their own (federation, 1m), a foreign key cannot reach
    from one to the other. Which tables belong to which part is declared with `[services]`, which
    comes with stage 100k; until then PostgreSQL's own schemas are the only borders to be seen.

    Looked for: foreign keys from a table in one schema to a table in another.
    """
    found = [
        k
        for k in facts.health.foreign_keys
        if k.table.rpartition(".")[0] != k.other.rpartition(".")[0]
    ]
    if found:
        told = tuple(f"{k.table} ({', '.join(k.columns)}) -> {k.other}" for k in found)
        fix = (
            "keep the key's value, drop the constraint, and check in the app; or join the two parts"
        )
        yield Seen("foreign keys lead from one schema to another", told, fix, bites="1m")


@check("schema.invalid-index", "an index was not finished", bites="now")
def invalid_index(facts: DatabaseFacts) -> Iterator[Seen]:
    """`CREATE INDEX CONCURRENTLY` that breaks off leaves an index that is kept up to date and never
    used; a unique one does not keep anything unique. Looked for: invalid indexes that nobody builds
    at this moment."""
    if facts.health.invalid_indexes:
        name = facts.health.invalid_indexes[0].partition(" of ")[0]
        fix = f"REINDEX INDEX CONCURRENTLY {name}      or drop it"
        yield Seen("indexes were not finished", facts.health.invalid_indexes, fix)


@check("schema.constraint-not-valid", "a constraint was never checked", bites="advice")
def unvalidated(facts: DatabaseFacts) -> Iterator[Seen]:
    """A constraint that was added NOT VALID holds for new rows; old ones may break it. Looked for:
    such constraints that were never validated."""
    if facts.health.unvalidated:
        name, _, table = facts.health.unvalidated[0].partition(" of ")
        fix = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
        yield Seen("constraints were never checked", facts.health.unvalidated, fix, bites=None)


@check("schema.large-objects", "large objects are in use", bites="1m")
def large_objects(facts: DatabaseFacts) -> Iterator[Seen]:
    """Large objects (`lo_create`, Django's none) are not replicated logically, so they stay behind
    when rows move to another database. Looked for: any."""
    if facts.health.large_objects:
        told = (f"{facts.health.large_objects} of them",)
        fix = "bytea for small ones, files in an object store for large ones"
        yield Seen("large objects are in use", told, fix, bites="1m")


CHECKS: Final = (
    no_primary_key, unlogged, sequence, unindexed, across, invalid_index, unvalidated,
    large_objects,
)  # fmt: skip
