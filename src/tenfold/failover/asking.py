"""Ask the servers themselves who leads: one session to each, one short question every tenth of a
second, and the news at once when a session breaks.

A server that cannot be heard is only ``down`` where that is certain: its host refuses the
connection, or the server itself lets nobody in (it starts, stops or recovers). One whose
connections are used up stays what it was seen to be: it answers, and requests would wait for
nothing. Everything else, a time-out, a host without a route, is silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection

from tenfold.failover.sightings import Kind, Seen, Sighting
from tenfold.secret import Secret

EVERY_SECONDS = 0.1
"""How often each is asked. A session that breaks is noticed at once."""
ANSWER_SECONDS = 1.0
"""How long an answer may take before its server counts as silent. It may then still come."""
CONNECT_SECONDS = 3
LATE_SECONDS = 10.0
"""How long a late answer is waited for before another session is tried."""
LETS_NOBODY_IN = "FATAL:  the database system is"
"""... starting up, shutting down, in recovery mode, not yet accepting connections. libpq gives no
error code for a connection that was not made; clusters of Tenfold speak English (locale C)."""
IS_FULL = (
    "FATAL:  sorry, too many clients already",
    "FATAL:  remaining connection slots are reserved",
    "FATAL:  too many connections for ",
)
"""It answers, and has no room for us: nothing is known that was not before. See ``InitProcess`` and
``InitPostgres`` in PostgreSQL's source."""

QUESTION = """
SELECT CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only')::bool THEN 0
       ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       extract(epoch from pg_postmaster_start_time())::text,
       (SELECT system_identifier::text FROM pg_control_system())
"""
"""The timeline is the one that is written now; that of the last checkpoint comes later. When it was
started is a number: as a date it would read otherwise in every time zone, and a session keeps the
one that it began with."""

Answer = tuple[int, str, str]
"""The timeline that it writes, 0 for none; when it was started; its system identifier."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and as whom to ask it."""

    host: str
    port: int
    user: str
    password: Secret
    database: str


class ServersAsked:
    """Implements :class:`tenfold.failover.sightings.LeaderWatch` for plain PostgreSQL servers."""

    def __init__(self, servers: Mapping[str, Address]) -> None:
        self._seen = dict.fromkeys(servers, Sighting(since=time.monotonic()))
        self._news = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._watch(path, address), name=f"ask {path}")
            for path, address in servers.items()
        ]

    def seen(self) -> Seen:
        """See :class:`LeaderWatch`."""
        return dict(self._seen)

    async def changed(self, within_seconds: float) -> None:
        """See :class:`LeaderWatch`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._news.wait()
        self._news.clear()

    async def close(self) -> None:
        """See :class:`LeaderWatch`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _note(self, path: str, kind: Kind, answer: Answer = (0, "", "")) -> None:
        before = self._seen[path]
        if kind == "silent" and before.kind in ("unknown", "down"):
            return  # Silence is news of one that has answered.
        found = _sighting(kind, answer)
        if not found.says_the_same(before):
            self._seen[path] = found
            self._news.set()

    async def _watch(self, path: str, address: Address) -> None:
        while True:
            try:
                session = await self._opened(address)
            except ConnectionRefusedError:
                self._note(path, "down")
            except (OSError, psycopg.Error) as fault:
                if not any(words in str(fault) for words in IS_FULL):
                    self._note(path, "down" if LETS_NOBODY_IN in str(fault) else "silent")
            else:
                began = time.monotonic()
                async with session:
                    with contextlib.suppress(OSError, psycopg.Error):
                        await self._ask_on(path, session)
                if time.monotonic() - began > EVERY_SECONDS:
                    continue  # Why it broke, another one finds out at once.
            await asyncio.sleep(EVERY_SECONDS)

    async def _opened(self, address: Address) -> AsyncConnection[Answer]:
        # libpq's error does not tell a refusal from a host that cannot be reached.
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port)
        writer.close()
        return await AsyncConnection[Answer].connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password.reveal(),
            dbname=address.database,
            connect_timeout=CONNECT_SECONDS,
            application_name="tenfold-failover",
            autocommit=True,
        )

    async def _ask_on(self, path: str, session: AsyncConnection[Answer]) -> None:
        broken = asyncio.Event()
        loop, descriptor = asyncio.get_running_loop(), session.fileno()
        while True:
            await self._ask(path, session)
            broken.clear()
            # Between two questions a server has nothing to say but that the session is over.
            loop.add_reader(descriptor, broken.set)
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await broken.wait()
            except TimeoutError:
                continue
            finally:
                loop.remove_reader(descriptor)

    async def _ask(self, path: str, session: AsyncConnection[Answer]) -> None:
        asked = asyncio.create_task(_answer(session))
        done, _ = await asyncio.wait((asked,), timeout=ANSWER_SECONDS)
        if not done:
            self._note(path, "silent")
        async with asyncio.timeout(LATE_SECONDS):
            answer = await asked
        self._note(path, "leads" if answer[0] else "follows", answer)


async def _answer(session: AsyncConnection[Answer]) -> Answer:
    cursor = await session.execute(QUESTION)
    row = await cursor.fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    return row


async def ask_once(address: Address, within_seconds: float) -> Sighting:
    """What a server is, over a session of its own: for a look through the endpoint.

    Raises:
        OSError, psycopg.Error: it does not let us in, or does not answer in time.
    """
    async with asyncio.timeout(within_seconds):
        async with await AsyncConnection[Answer].connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password.reveal(),
            dbname=address.database,
            application_name="tenfold-failover",
            autocommit=True,
        ) as session:
            answer = await _answer(session)
    return _sighting("leads" if answer[0] else "follows", answer)


def _sighting(kind: Kind, answer: Answer) -> Sighting:
    timeline, life, cluster = answer
    return Sighting(kind, timeline, life, time.monotonic(), cluster)
