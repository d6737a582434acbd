"""The pools and kept connections of an app's database drivers: which there are, and how each is
told that what it keeps is of no use any more.

Only connections to the endpoint are meant. What an app keeps to other databases stays: to give up
one of SQLite in memory would be to give up its data.

Nothing is patched and nothing is watched: they are looked for when they are needed, among the
objects of modules that the app has imported itself. What is only marked here is replaced by its
owner, in its own thread or task, when it is used the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

POSTGRESQL: Final = "postgresql"
Later = Callable[[], Any]
Loop = asyncio.AbstractEventLoop | None


@dataclass
class Told:
    """What was found and told.

    ``port`` is the endpoint's: connections to another one are left alone. ``kinds`` counts pools by
    library; ``marked`` are those that were told already, by their ids. ``kept`` are descriptors of
    connections that are only marked. ``blocking`` is to be called where one may wait, ``awaited``
    in the app's event loop.
    """

    port: int
    kinds: dict[str, int] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)
    blocking: list[Later] = field(default_factory=list)
    awaited: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)
    marked: set[int] = field(default_factory=set)

    def count(self, kind: str) -> None:
        """One more of these."""
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


Tell = Callable[[Any, Told, Loop], None]


def tell(port: int, loop: Loop) -> Told:
    """Find all pools of this process and mark what they keep; never waits.

    Args:
        port: the endpoint's; pools of connections to another one are left alone.
        loop: the event loop in which the caller runs, if it does; pools of others are left alone.
    """
    told = Told(port)
    for item, tell_it in _instances(_loaded()):
        tell_it(item, told, loop)
    return told


def _loaded() -> dict[type, Tell]:
    """The classes to look for, subclasses included, and what to do with each."""
    found: dict[type, Tell] = {}
    for module, name, tell_it in _KNOWN:
        base = getattr(sys.modules.get(module), name, None)
        if isinstance(base, type):
            found.update(dict.fromkeys((base, *_subclasses(base)), tell_it))
    return found


def _subclasses(base: type) -> Iterator[type]:
    found: list[type] = type.__subclasses__(base)
    for derived in found:
        yield derived
        yield from _subclasses(derived)


def _instances(classes: dict[type, Tell]) -> list[tuple[Any, Tell]]:
    if not classes:
        return []
    # By their type, never isinstance: that asks proxies, which fail outside of a request.
    return [(item, classes[type(item)]) for item in gc.get_objects() if type(item) in classes]


def _sqlalchemy(record: Any, told: Told, loop: Loop) -> None:
    pool = record._ConnectionRecord__pool
    kept = getattr(record, "dbapi_connection", None) or getattr(record, "connection", None)
    connection = getattr(kept, "driver_connection", kept)
    dialect = getattr(getattr(pool, "_dialect", None), "name", "")
    if connection is None or not _is_meant(connection, told, dialect == POSTGRESQL):
        return
    told.kept |= _descriptor(connection)
    # As a pool does itself when one of its connections turns out to be broken: whatever was made
    # before is replaced when it is checked out, by whoever checks it out.
    pool._invalidate_time = time.time()
    if id(pool) not in told.marked:
        told.marked.add(id(pool))
        told.count("sqlalchemy")


def _django(wrapper: Any, told: Told, loop: Loop) -> None:
    # Django closes what is older than CONN_MAX_AGE at the beginning of a request, in the request's
    # thread; other threads may not close it.
    connection = wrapper.connection
    if connection is None or wrapper.in_atomic_block:
        return
    if _is_meant(connection, told, wrapper.vendor == POSTGRESQL):
        wrapper.close_at = 0.0
        told.kept |= _descriptor(connection)
        told.count("django")


def _psycopg_pool(pool: Any, told: Told, loop: Loop) -> None:
    if not pool.closed and _are_meant(tuple(getattr(pool, "_pool", ())), told):
        told.blocking.append(_renewal(pool, told))
        told.count("psycopg_pool")


def _psycopg_async_pool(pool: Any, told: Told, loop: Loop) -> None:
    is_here = not pool.closed and loop is not None and _is_of(pool, loop)
    if is_here and _are_meant(tuple(getattr(pool, "_pool", ())), told):
        told.awaited.append(_renewal(pool, told))
        told.count("psycopg_pool")


def _renewal(pool: Any, told: Told) -> Callable[[], Any]:
    """What has a pool of psycopg's be without broken connections.

    ``drain()`` also replaces those that are in use just now, when they come back. Where there is no
    such thing (before psycopg_pool 3.3), or it is not known that the pool leads to the endpoint,
    idle ones are tried.
    """
    drain: Callable[[], Any] | None = getattr(pool, "drain", None)
    return drain if drain is not None and _named_port(pool) == told.port else pool.check


def _named_port(pool: Any) -> int | None:
    """Where a pool of psycopg's connects to, as far as it says so beforehand."""
    try:
        named = sys.modules["psycopg"].conninfo.conninfo_to_dict(
            pool.conninfo, **(pool.kwargs or {})
        )
        return int(named["port"])
    except Exception:  # noqa: BLE001 - it may be a function of the app's, or no port at all
        return None


def _asyncpg(pool: Any, told: Told, loop: Loop) -> None:
    holders = getattr(pool, "_holders", ())
    kept = [c for c in (getattr(h, "_con", None) for h in holders) if c is not None]
    is_here = loop is not None and getattr(pool, "_loop", None) is loop
    if is_here and _are_meant(kept, told):
        told.awaited.append(pool.expire_connections)
        told.count("asyncpg")


def _psycopg2(pool: Any, told: Told, loop: Loop) -> None:
    if pool.closed:
        return
    found = [kept for kept in tuple(pool._pool) if _is_meant(kept, told, True)]
    for kept in found:
        with contextlib.suppress(ValueError):  # a thread of the app's has taken it
            pool._pool.remove(kept)
            kept.close()
    if found:
        told.count("psycopg2")


def _is_of(pool: Any, loop: asyncio.AbstractEventLoop) -> bool:
    """Whether an asynchronous pool belongs to this loop: its own workers do."""
    workers = getattr(pool, "_workers", ())
    return all(w.get_loop() is loop for w in workers if hasattr(w, "get_loop"))


def _are_meant(kept: Collection[Any], told: Told) -> bool:
    """Whether a pool keeps connections to the endpoint, or none at all: then it may have lost them,
    or be about to make some."""
    return not kept or any(_is_meant(connection, told, True) for connection in kept)


def _is_meant(connection: Any, told: Told, unless_known: bool) -> bool:
    """Whether a driver's connection leads to the endpoint, as far as it can be asked."""
    port = _port(connection)
    return unless_known if port is None else port == told.port


def _port(connection: Any) -> int | None:
    """Where a driver's connection leads; its socket may have forgotten, the driver has not."""
    try:
        if hasattr(connection, "info"):  # psycopg, psycopg2
            return int(connection.info.port)
        if isinstance(address := getattr(connection, "_addr", None), tuple):  # asyncpg
            return int(address[1])
        with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as same:
            return int(same.getpeername()[1])
    except Exception:  # noqa: BLE001 - drivers raise errors of their own on a closed connection
        return None


def _descriptor(connection: Any) -> set[int]:
    """That of a driver's connection, where it can be asked for it."""
    try:
        return {int(connection.fileno())}
    except Exception:  # noqa: BLE001 - drivers raise errors of their own on a closed connection
        return set()


_KNOWN: Final[tuple[tuple[str, str, Tell], ...]] = (
    ("sqlalchemy.pool.base", "_ConnectionRecord", _sqlalchemy),
    ("django.db.backends.base.base", "BaseDatabaseWrapper", _django),
    ("psycopg_pool", "ConnectionPool", _psycopg_pool),
    ("psycopg_pool", "AsyncConnectionPool", _psycopg_async_pool),
    ("asyncpg.pool", "Pool", _asyncpg),
    ("psycopg2.pool", "AbstractConnectionPool", _psycopg2),
)
