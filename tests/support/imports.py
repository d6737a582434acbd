"""A database to import into, and imports without a deployment around them."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from tests.support.postgres import ADDRESS, Server, running

from tenfold.engines.postgresql.binaries import Binaries
from tenfold.engines.postgresql.login import Connection
from tenfold.importing import catalogue, match, rows, sqlite
from tenfold.importing.match import Wishes
from tenfold.importing.model import Copy, Plan
from tenfold.importing.source import Source

_NUMBERS = itertools.count(1)


@dataclass
class Heard:
    """A listener that remembers; ``on_rows`` is called for every piece of rows."""

    copied_tables: list[tuple[str, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    on_rows: Callable[[Copy, int], None] = lambda copy, count: None

    def doing(self, text: str) -> None:
        self.texts.append(text)

    def rows(self, copy: Copy, rows: int) -> None:
        self.on_rows(copy, rows)

    def copied(self, copy: Copy, seconds: float) -> None:
        self.copied_tables.append((str(copy.target.name), copy.source.rows))

    def done(self, text: str, seconds: float) -> None:
        self.texts.append(text)


@dataclass(frozen=True)
class Place:
    """A database of its own, which the app's role owns."""

    server: Server
    database: str

    def connect(self) -> AbstractContextManager[Connection]:
        return self.server.connect("app", database=self.database)

    def do(self, *statements: str) -> None:
        """Give statements, as the role that owns everything."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def one(self, query: str) -> Any:
        ((value,),) = self.ask(query)
        return value

    def bring(
        self,
        file: Path,
        *,
        zone: tzinfo = UTC,
        heard: Heard | None = None,
        skip: Sequence[str] = (),
        replace: Sequence[str] = (),
        despite_migrations: bool = False,
    ) -> Plan:
        """Import a SQLite file; its plan must have no problems."""
        wishes = Wishes(frozenset(skip), frozenset(replace), despite_migrations)
        with sqlite.opened(file, zone) as source:
            return self.take(source, wishes, heard)

    def take(
        self, source: Source, wishes: Wishes | None = None, heard: Heard | None = None
    ) -> Plan:
        """Import from any source; its plan must have no problems."""
        with self.connect() as connection:
            schema = catalogue.read(connection)
            contents = source.contents(lambda text: None)
            plan = match.match(schema, contents, wishes or Wishes())
            assert plan.problems == ()
            rows.bring(connection, schema, source, contents, plan, heard or Heard())
        return plan

    def plan(self, file: Path, wishes: Wishes | None = None) -> Plan:
        """What would happen to a SQLite file."""
        with self.connect() as connection, sqlite.opened(file, UTC) as source:
            contents = source.contents(lambda text: None)
            return match.match(catalogue.read(connection), contents, wishes or Wishes())


@contextmanager
def place_server(binaries: Binaries | None = None) -> Iterator[Server]:
    """A server that lets every role into every database that it may connect to."""
    with running(binaries=binaries) as server:
        rules = Path(server.scene.place.config) / "pg_hba.conf"
        open_ = f"local all all scram-sha-256\nhost all all {ADDRESS}/32 scram-sha-256\n"
        rules.write_text(open_ + rules.read_text())
        with server.connect("superuser", database="postgres") as superuser:
            superuser.execute("SELECT pg_reload_conf()")
        yield server


@contextmanager
def place(server: Server) -> Iterator[Place]:
    """A new, empty database, gone at the end."""
    name = f"import_{next(_NUMBERS)}"
    owner = server.settings.app_role
    with server.connect("superuser", database="postgres") as superuser:
        superuser.execute(f"CREATE DATABASE {name} OWNER {owner}".encode())
        try:
            yield Place(server, name)
        finally:
            superuser.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def sqlite_file(path: Path, *statements: str | tuple[str, Sequence[Any]]) -> Path:
    """A SQLite file made by these statements."""
    connection = sqlite3.connect(path)
    for statement in statements:
        text, values = (statement, ()) if isinstance(statement, str) else statement
        connection.execute(text, values)
    connection.commit()
    connection.close()
    return path
