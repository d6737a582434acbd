"""Where the writes of a run must be found: in PostgreSQL, or as the app itself tells."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator

import aiohttp
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tenfold.errors import LoadError
from tenfold.load.client import At, Client
from tenfold.load.compose import Prepared
from tenfold.load.guard import checked_base_url
from tenfold.load.ids import ids_in
from tenfold.load.plan import EndpointSource, SqlSource, TableSource
from tenfold.secret import Secret

_CONNECT_SECONDS = 10
_PORTS = re.compile(r"[0-9,]*")
_ROWS_AT_ONCE = 5_000
_ANSWER_SECONDS = 120.0
_EXCERPT_CHARACTERS = 300


class NotNow(LoadError):
    """Whoever was asked does not answer, or does not lead; another one may, or the same soon."""


def ids_in_database(dsn: Secret, source: TableSource | SqlSource, run_id: str) -> list[str]:
    """The run's ids in the database, one for every row where each is found.

    One statement in one read-only transaction: all of it as of one moment.

    Raises:
        NotNow: the database cannot be reached, or follows another one: it may lack what was
            acknowledged a moment ago.
        LoadError: it refuses the query.
    """
    with _asking(dsn) as connection:
        row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        if row is None or row[0]:
            raise NotNow(
                "the ledger could not be compared with the database: the one at that address"
                " follows another one, and may lack what was acknowledged a moment ago",
                next="compare again, with the one that leads",
            )
        return list(ids_in(_values(connection, source, run_id), run_id, source.match))


def require_query(dsn: Secret, source: TableSource | SqlSource, run_id: str) -> None:
    """See that the database knows the table, the column and the right to read them.

    The query is planned, not carried out, so it costs no time on a large table.

    Raises:
        LoadError: the database cannot be reached, or refuses the query.
    """
    with _asking(dsn) as connection:
        connection.execute(sql.SQL("EXPLAIN ") + query_for(source, run_id))


@contextlib.contextmanager
def _asking(dsn: Secret) -> Iterator[psycopg.Connection]:
    """A connection that only reads; whatever goes wrong on it is told as a ``LoadError``."""
    _check_address(dsn)
    try:
        session = psycopg.connect(dsn.reveal(), connect_timeout=_CONNECT_SECONDS)
    except psycopg.Error as error:
        raise NotNow(
            f"the ledger cannot be compared with the database: {str(error).strip()}",
            next="tenfold status    tells whether the app's runs; if it does, correct the address",
        ) from error
    try:
        with session as connection:
            connection.read_only = True
            yield connection
    except psycopg.Error as error:
        raise _unasked(str(error).strip()) from error


def _check_address(dsn: Secret) -> None:
    """Refuse an address of which libpq's complaint would quote a part of the password.

    It does so where it cannot parse it, and where an unescaped ``@`` or ``:`` of the password has
    become part of what it takes for host and port.
    """
    try:
        parts = conninfo_to_dict(dsn.reveal())
    except psycopg.ProgrammingError:
        parts = {"port": "?"}
    odd_host = "@" in str(parts.get("host") or "")
    if odd_host or not _PORTS.fullmatch(str(parts.get("port") or "")):
        raise _unasked(
            "its address is not one that PostgreSQL understands (in a URL, @ : / of a password are "
            "written %40 %3A %2F)"
        ) from None


def _unasked(why: str) -> LoadError:
    return LoadError(
        f"the ledger cannot be compared with the database: {why}",
        next="correct [load.ledger], or the address",
    )


def query_for(source: TableSource | SqlSource, run_id: str) -> sql.SQL | sql.Composed:
    """The query whose one column holds the run's ids, among other text."""
    if isinstance(source, SqlSource):
        return sql.SQL(source.sql.rstrip().rstrip(";"))
    return sql.SQL("SELECT {column}::text FROM {table} WHERE {column}::text LIKE {like}").format(
        column=sql.Identifier(source.column),
        table=sql.Identifier(*source.table),
        like=sql.Literal(f"%{run_id}%"),
    )


def _values(
    connection: psycopg.Connection, source: TableSource | SqlSource, run_id: str
) -> Iterator[str]:
    with connection.cursor(name="tenfold_ledger") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(query_for(source, run_id))
        for row in cursor:
            if row[0] is not None:
                yield str(row[0])


async def ids_at_endpoint(
    base_url: str,
    source: EndpointSource,
    run_id: str,
    *,
    allow_remote: bool = False,
    at: At = (),
) -> list[str]:
    """The run's ids as the app lists them: a JSON list, or one value a line.

    `at` is as for :func:`~tenfold.load.run.run_load`.

    Raises:
        Refused, UsageError: as :func:`~tenfold.load.guard.checked_base_url`.
        LoadError: no answer, not 200, or neither of these forms.
    """
    site = checked_base_url(base_url, allow_remote=allow_remote or bool(at))
    path = source.path.render({"run": run_id}, lambda options: options[0])
    request = Prepared("GET", path, dict(source.headers), None)
    try:
        async with Client(site, at=at, clock=time.perf_counter) as client:
            answer = await client.fetch(request, timeout_seconds=_ANSWER_SECONDS)
    except (aiohttp.ClientError, OSError) as error:
        raise _unlisted(path, f"{type(error).__name__}: {error}") from error
    if answer.status != 200:
        raise _unlisted(path, f"it answered {answer.status}", answer.text(_EXCERPT_CHARACTERS))
    try:
        return list(ids_in(listed_values(answer.text()), run_id, source.match))
    except ValueError as error:
        raise _unlisted(path, str(error), answer.text(_EXCERPT_CHARACTERS)) from error


def listed_values(text: str) -> list[str]:
    """The values in an endpoint's answer.

    Raises:
        ValueError: it begins as JSON and is no list.
    """
    if not text.lstrip().startswith(("[", "{")):
        return text.splitlines()
    values = json.loads(text)
    if not isinstance(values, list):
        raise ValueError("the answer is a JSON object, not a list")
    return [str(value) for value in values]


def _unlisted(path: str, why: str, detail: str | None = None) -> LoadError:
    return LoadError(
        f"the ledger cannot be compared with {path}: {why}",
        next="correct [load.ledger] endpoint",
        detail=detail,
    )
