"""The database server at this moment, and what would stand in the way of a move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import DatabaseFacts
from tenfold.doctor.model import Seen, check
from tenfold.engines.postgresql.checks import Finding as Precheck

CONNECTIONS_SHARE = 0.8
LONG_SECONDS = 300.0
OLD_TRANSACTIONS = 1_000_000_000
"""PostgreSQL refuses writes at 2 billion; by itself it begins to freeze at 200 million."""


@check("database.connections", "connections run out", bites="now")
def connections(facts: DatabaseFacts) -> Iterator[Seen]:
    """When `max_connections` are in use, the next one is refused and its request fails. A deploy
    needs the workers' connections twice for a while. Looked for: four fifths in use."""
    health = facts.health
    if health.connections >= health.max_connections * CONNECTIONS_SHARE:
        told = (f"{health.connections} of {health.max_connections} in use",)
        fix = "a smaller pool per worker (SQLAlchemy: pool_size, max_overflow), or fewer workers"
        yield Seen("connections to the database run out", told, fix)


@check("database.long-transaction", "a transaction is open for minutes", bites="now")
def long_transaction(facts: DatabaseFacts) -> Iterator[Seen]:
    """An open transaction keeps its locks, keeps dead rows from being cleared away, and puts a
    switch off. One that is idle was usually forgotten: a connection that never commits. Looked for:
    transactions older than five minutes; values in their queries are not shown."""
    told = tuple(str(t) for t in facts.health.transactions if t.seconds > LONG_SECONDS)
    if told:
        as_whom = "" if facts.own else "--as superuser "
        fix = f'tenfold psql {as_whom}-- -c "select pg_terminate_backend(PROCESS)"'
        yield Seen("transactions are open for minutes", told, fix)


@check("database.transaction-ids", "transaction numbers run out", bites="now")
def transaction_ids(facts: DatabaseFacts) -> Iterator[Seen]:
    """Rows have to be frozen before two billion transactions have passed; else PostgreSQL refuses
    to write. Autovacuum does that, unless something holds it up: an old transaction, a slot, a
    prepared transaction. Looked for: a billion."""
    if facts.health.oldest_transaction > OLD_TRANSACTIONS:
        told = (f"the oldest is {facts.health.oldest_transaction} transactions old",)
        yield Seen(
            "transaction numbers run out", told, "end old transactions, then VACUUM (FREEZE)"
        )


@check("database.bloat", "dead rows are not cleared away", bites="advice")
def bloat(facts: DatabaseFacts) -> Iterator[Seen]:
    """Every UPDATE leaves a dead row behind, and reading steps over it. Looked for: tables with
    more dead rows than live ones, and more than 50,000."""
    if facts.health.bloated:
        told = tuple(f"{t.name}: {t.rows} dead rows" for t in facts.health.bloated)
        yield Seen(
            "dead rows are not cleared away", told, f"VACUUM {facts.health.bloated[0].name}", None
        )


@check("database.slow-statements", "statements are slow", bites="advice")
def slow(facts: DatabaseFacts) -> Iterator[Seen]:
    """Looked for: statements that take a quarter of a second or more on average and ran 20 times or
    more since statistics were last reset; the most expensive together first, without values."""
    if facts.health.slow:
        told = tuple(f"{s.mean_ms:.0f} ms, {s.calls} times: {s.query}" for s in facts.health.slow)
        yield Seen(
            "statements are slow", told, "EXPLAIN (ANALYZE, BUFFERS) ... in tenfold psql", None
        )


@check("database.collation", "text is sorted by other rules than before", bites="now")
def collation(facts: DatabaseFacts) -> Iterator[Seen]:
    """Indexes on text are in the order of the collation that they were made with. After an update
    of the system's libraries that order may be another one: rows are not found, and unique indexes
    let duplicates in. Looked for: a collation version that differs from the recorded one."""
    if facts.health.collation is not None:
        before, now = facts.health.collation
        name = facts.health.database
        fix = f"REINDEX DATABASE {name};  ALTER DATABASE {name} REFRESH COLLATION VERSION"
        yield Seen("the system sorts text by other rules", (f"{before} then, {now} now",), fix)


@check("database.pending-restart", "settings wait for a restart", bites="advice")
def pending(facts: DatabaseFacts) -> Iterator[Seen]:
    """Some settings are read only when the server starts. Until then it runs with the old ones.
    Looked for: settings whose files say something else than the server does."""
    if facts.health.pending:
        fix = "tenfold upgrade --restart      requests wait for a moment, none fails"
        fix = "restart your database at a quiet hour" if facts.own else fix
        yield Seen("settings wait for a restart", facts.health.pending, fix, None)


BY_PRECHECK = {
    "version": "move.version",
    "libraries": "move.extensions",
    "wal_level": "move.wal-level",
    "limits": "move.limits",
    "slots_and_senders": "move.slots-and-senders",
    "disk": "move.disk",
    "tablespaces": "move.tablespaces",
    "prepared_transactions": "move.prepared-transactions",
    "checksums": "move.checksums",
    "slots": "move.slots",
    "kept_log": "move.kept-log",
    "logical_replication": "move.logical-replication",
}
"""Prechecks of a move by their names there. What the schema's own checks say is not said twice."""
NEXT = {"10": "100", "100": "1k"}
"""The stage that the checks of a move are about, by where the app is."""


def _of(facts: DatabaseFacts, id: str) -> Iterator[Seen]:
    for found in facts.prechecks:
        if BY_PRECHECK.get(found.name) == id and found.severity != "fine":
            yield _seen(found, facts.stage)


def _seen(found: Precheck, stage: str) -> Seen:
    """What stops a move bites at the stage that it leads to; the rest is worth knowing."""
    bites = NEXT.get(stage) if found.severity == "stop" else None
    return Seen(found.what, (found.evidence,) if found.evidence else (), found.fix, bites)


@check("move.version", "the two installations of PostgreSQL differ", bites="100")
def version(facts: DatabaseFacts) -> Iterator[Seen]:
    """A copy and its leader are of one major version. Looked for: another one on the host that the
    next stage moves the database to."""
    yield from _of(facts, "move.version")


@check("move.extensions", "an extension is missing where the database would go", bites="100")
def extensions(facts: DatabaseFacts) -> Iterator[Seen]:
    """A function whose library is missing fails when it is called; a preloaded one keeps the server
    from starting. Looked for: libraries in use here that the installation there does not have."""
    yield from _of(facts, "move.extensions")


@check("move.wal-level", "the log has too little in it to follow", bites="100")
def wal_level(facts: DatabaseFacts) -> Iterator[Seen]:
    """With `wal_level = minimal` there is nothing for a follower to follow."""
    yield from _of(facts, "move.wal-level")


@check("move.limits", "the server runs with more than its follower would", bites="100")
def limits(facts: DatabaseFacts) -> Iterator[Seen]:
    """A follower does not start with less of `max_connections` and its like than its leader runs
    with."""
    yield from _of(facts, "move.limits")


@check("move.slots-and-senders", "there is no place for a follower", bites="100")
def slots_and_senders(facts: DatabaseFacts) -> Iterator[Seen]:
    """A copy needs a replication slot and two senders. Looked for: free ones."""
    yield from _of(facts, "move.slots-and-senders")


@check("move.disk", "there is no room for a copy of the database", bites="100")
def disk(facts: DatabaseFacts) -> Iterator[Seen]:
    """A move copies the database before it switches. Looked for: room for data and log where the
    copy will be, and half as much again."""
    yield from _of(facts, "move.disk")


@check("move.tablespaces", "data lies outside of the data directory", bites="100")
def tablespaces(facts: DatabaseFacts) -> Iterator[Seen]:
    """Tablespaces would be copied to the same paths, which on one machine are taken."""
    yield from _of(facts, "move.tablespaces")


@check("move.prepared-transactions", "prepared transactions wait for their end", bites="100")
def prepared(facts: DatabaseFacts) -> Iterator[Seen]:
    """They hold their locks through any restart, until somebody decides."""
    yield from _of(facts, "move.prepared-transactions")


@check("move.checksums", "pages carry no checksums", bites="advice")
def checksums(facts: DatabaseFacts) -> Iterator[Seen]:
    """Without them, damage on the disk is copied unseen."""
    yield from _of(facts, "move.checksums")


@check("move.slots", "somebody else reads this server's log", bites="advice")
def slots(facts: DatabaseFacts) -> Iterator[Seen]:
    """Replication slots are no part of the data: they stay behind at a switch, and their readers
    have to begin anew. A slot that nobody reads fills the disk."""
    yield from _of(facts, "move.slots")


@check("move.kept-log", "much of the log is kept", bites="advice")
def kept_log(facts: DatabaseFacts) -> Iterator[Seen]:
    """Somebody lags, or the archive does not keep up. Looked for: twice `max_wal_size`, and slots
    whose log is gone."""
    yield from _of(facts, "move.kept-log")


@check("move.logical-replication", "tables are replicated to or from elsewhere", bites="advice")
def logical(facts: DatabaseFacts) -> Iterator[Seen]:
    """Publications and subscriptions go along with a move, but their partners know the old address
    or the old slot."""
    yield from _of(facts, "move.logical-replication")


CHECKS: Final = (
    connections, long_transaction, transaction_ids, bloat, slow, collation,
    pending,
)  # fmt: skip
MOVE_CHECKS: Final = (
    version, extensions, wal_level, limits, slots_and_senders, disk, tablespaces, prepared,
    checksums, slots, kept_log, logical,
)  # fmt: skip
