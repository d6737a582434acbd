"""How a role reaches a server, for psycopg and for psql, without its password in any text."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from posixpath import join
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from tenfold.engines.postgresql.render import roles, secret, server
from tenfold.engines.protocol import Scene
from tenfold.errors import TenfoldError
from tenfold.secret import Secret
from tenfold.topology.model import Pool, Unit
from tenfold.topology.settings import DatabaseSettings

ANSWER_SECONDS = 60.0
"""How long a server may think about one statement, unless its caller says otherwise."""

CATALOG_ONLY = "-c search_path=pg_catalog"


class Silent(psycopg.OperationalError):
    """The server did not answer in time; the connection was given up."""


class Connection(psycopg.Connection[tuple[object, ...]]):
    """A session that never waits without bound.

    A server that was stopped, or whose network was cut, keeps its connections and says nothing on
    them; no timeout of its own ends that. Whoever has less time than :data:`ANSWER_SECONDS` for a
    statement, or needs more, says so with :meth:`within`.
    """

    _until = math.inf
    _each = ANSWER_SECONDS

    @contextmanager
    def within(self, seconds: float) -> Iterator[Connection]:
        """The block's statements have so long together, however long each of them takes."""
        before = self._until, self._each
        self._until, self._each = min(self._until, time.monotonic() + seconds), math.inf
        try:
            yield self
        finally:
            self._until, self._each = before

    def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **options: Any) -> Any:
        """As psycopg's, with a bound."""
        return super().wait(self._bounded(gen), *arguments, **options)

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        began = time.monotonic()
        deadline = min(self._until, began + self._each)
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send((yield wanted))
                if time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise Silent(f"no answer for {time.monotonic() - began:.1f} s")
        except StopIteration as end:
            return end.value


@dataclass(frozen=True, slots=True)
class Login:
    """One role at one server. ``host`` is an address, or the directory of the unix socket.

    ``catalog_only``: names without a schema mean PostgreSQL's own, whatever the database or the
    role has as its ``search_path``: who owns a database decides on that, and must not decide what
    a superuser executes there.
    """

    host: str
    port: int
    user: str
    password: Secret
    database: str
    catalog_only: bool = True

    def conninfo(self) -> str:
        """libpq's connection string, without the password."""
        return make_conninfo(host=self.host, port=self.port, user=self.user, dbname=self.database)


def login(unit: Unit | Pool, scene: Scene, role: str, *, database: str | None = None) -> Login:
    """How ``role`` (one of :func:`~tenfold.engines.postgresql.render.roles`) reaches this unit.

    Through the unix socket, so on the unit's host. ``database`` is the app's unless named.
    """
    settings = unit.settings
    assert isinstance(settings, DatabaseSettings)
    here = server(unit, scene)
    return Login(
        host=here.sockets,
        port=here.port,
        user=roles(settings)[role],
        password=secret(scene, settings, role),
        database=database or settings.database,
        catalog_only=role not in ("owner", "app"),
    )


@contextmanager
def connect(who: Login, *, within_seconds: int = 10) -> Iterator[Connection]:
    """A connection in autocommit mode, closed at the end. Raises as :func:`opened`."""
    with opened(who, within_seconds=within_seconds) as connection:
        yield connection


def opened(who: Login, *, within_seconds: int = 10) -> Connection:
    """A connection in autocommit mode, which the caller closes.

    Raises:
        TenfoldError: refused, or out of reach; the text names server and role.
    """
    options = {"options": CATALOG_ONLY} if who.catalog_only else {}
    try:
        return Connection.connect(
            make_conninfo(who.conninfo(), **options),
            password=who.password.reveal(),
            connect_timeout=within_seconds,
            application_name="tenfold",
            autocommit=True,
        )
    except psycopg.errors.ConnectionTimeout as error:
        raise TenfoldError(
            f"PostgreSQL at {who.host}:{who.port} does not answer: nothing for {within_seconds} s",
            next="tenfold status   shows whether it runs, tenfold logs what it says",
        ) from error
    except psycopg.OperationalError as error:
        raise TenfoldError(
            f"PostgreSQL at {who.host}:{who.port} does not let {who.user} into {who.database}",
            next="tenfold status   shows whether it runs, tenfold logs what it says",
            detail=str(error).strip(),
        ) from error


def psql(
    who: Login, program: str, config: str, arguments: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Arguments and environment of ``psql`` for this role.

    ``config`` is the unit's directory of rendered files: the password comes from ``pgpass`` there,
    so that neither arguments nor environment carry it.
    """
    environment = {
        "PGHOST": who.host,
        "PGPORT": str(who.port),
        "PGUSER": who.user,
        "PGDATABASE": who.database,
        "PGPASSFILE": join(config, "pgpass"),
        "PGAPPNAME": "tenfold psql",
    }
    return (program, *arguments), environment
