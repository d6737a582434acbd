"""Writes by SQL, for an app whose ``[load]`` makes none: one row each, wherever the leader is.

In a table of their own, which is made before and removed afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo

from tenfold.drills.judging import Request
from tenfold.failover.asking import Address
from tenfold.load.ids import write_id
from tenfold.load.ledger import Ledger
from tenfold.load.plan import TableSource

SCHEMA, TABLE, COLUMN = "tenfold_drill", "written", "id"
SOURCE = TableSource((SCHEMA, TABLE), COLUMN, "exact")
PER_SECOND = 10.0
CONNECT_SECONDS = 2
PATIENCE_SECONDS = 60.0
_AGAIN_SECONDS = 0.1
_INSERT = sql.SQL("INSERT INTO {}.{} VALUES (%s)").format(
    sql.Identifier(SCHEMA), sql.Identifier(TABLE)
)


def prepared(role: str) -> tuple[sql.Composed, ...]:
    """What makes the table, and lets this role write and read it."""
    place, who = sql.Identifier(SCHEMA), sql.Identifier(role)
    return (
        sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(place),
        sql.SQL("CREATE TABLE IF NOT EXISTS {}.{} ({} text NOT NULL)").format(
            place, sql.Identifier(TABLE), sql.Identifier(COLUMN)
        ),
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(place, who),
        sql.SQL("GRANT SELECT, INSERT ON {}.{} TO {}").format(place, sql.Identifier(TABLE), who),
    )


def removed() -> sql.Composed:
    """What removes it."""
    return sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SCHEMA))


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes to whichever of these servers takes writes."""

    servers: Mapping[str, Address]

    async def write(
        self, ledger: Ledger, stop: asyncio.Event, tell: Callable[[Request], None]
    ) -> None:
        """A write every tenth of a second, whatever became of those before it, until ``stop``."""
        tasks: set[asyncio.Task[None]] = set()
        number, due = 0, time.monotonic()
        while not stop.is_set():
            number, due = number + 1, due + 1 / PER_SECOND
            task = asyncio.create_task(self._one(write_id(ledger.run_id, number), ledger, tell))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await stop.wait()
        await asyncio.gather(*tasks)

    async def _one(self, name: str, ledger: Ledger, tell: Callable[[Request], None]) -> None:
        """Connecting is tried again, since nothing was written by then; writing is not."""
        sent, failure = time.time(), "no server took it"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                connection = await self._connected()
                ledger.intend(name)
                try:
                    async with connection:
                        await connection.execute(_INSERT, [name])
                except psycopg.Error as error:
                    failure = type(error).__name__
                    ledger.settle(name, "unknown", None)
                else:
                    failure = ""
                    ledger.settle(name, "acknowledged", None)
        tell(Request(sent, time.time(), True, failure or None))

    async def _connected(self) -> AsyncConnection[tuple[object, ...]]:
        while True:
            try:
                return await AsyncConnection.connect(
                    self._conninfo(),
                    password=next(iter(self.servers.values())).password.reveal(),
                    connect_timeout=CONNECT_SECONDS,
                    autocommit=True,
                )
            except psycopg.Error:
                await asyncio.sleep(_AGAIN_SECONDS)

    def _conninfo(self) -> str:
        found = list(self.servers.values())
        return make_conninfo(
            host=",".join(one.host for one in found),
            port=",".join(str(one.port) for one in found),
            user=found[0].user,
            dbname=found[0].database,
            target_session_attrs="read-write",
            application_name="tenfold-drill",
        )
