"""The pools and kept connections of an app's database drivers: which there are, and how each is
told that what it keeps is of no use any more.

Nothing is patched and nothing is watched: they are looked for when they are needed, among the
objects of modules that the app has imported itself. What is only marked here is replaced by its
owner, in its own thread or task, when it is used the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

Later = Callable[[], Any]
Loop = asyncio.AbstractEventLoop | None


@dataclass
class Told:
    """What was found and told.

    ``kinds`` counts pools by library. ``kept`` are descriptors of connections that are only marked.
    ``blocking`` is to be called where one may wait, ``awaited`` in the app's event loop.
    """

    kinds: dict[str, int] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)
    blocking: list[Later] = field(default_factory=list)
    awaited: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)

    def count(self, kind: str) -> None:
        """One more of these."""
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


Tell = Callable[[Any, Told, Loop], None]


def tell(loop: Loop) -> Told:
    """Find all pools of this process and mark what they keep; never waits.

    Args:
        loop: the event loop in which the caller runs, if it does; pools of others are left alone.
    """
    told = Told()
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


def _sqlalchemy_pool(pool: Any, told: Told, loop: Loop) -> None:
    # As a pool does itself when one of its connections turns out to be broken: whatever was made
    # before is replaced when it is checked out, by whoever checks it out.
    pool._invalidate_time = time.time()
    told.count("sqlalchemy")


def _sqlalchemy_record(record: Any, told: Told, loop: Loop) -> None:
    connection = getattr(record, "dbapi_connection", None) or getattr(record, "connection", None)
    told.kept |= _descriptor(getattr(connection, "driver_connection", connection))


def _django(wrapper: Any, told: Told, loop: Loop) -> None:
    # Django closes what is older than CONN_MAX_AGE at the beginning of a request, in the request's
    # thread; other threads may not close it.
    if wrapper.connection is not None and not wrapper.in_atomic_block:
        wrapper.close_at = 0.0
        told.kept |= _descriptor(wrapper.connection)
        told.count("django")


def _psycopg_pool(pool: Any, told: Told, loop: Loop) -> None:
    if not pool.closed:
        told.blocking.append(pool.check)
        told.count("psycopg_pool")


def _psycopg_async_pool(pool: Any, told: Told, loop: Loop) -> None:
    if not pool.closed and loop is not None and _is_of(pool, loop):
        told.awaited.append(pool.check)
        told.count("psycopg_pool")


def _asyncpg(pool: Any, told: Told, loop: Loop) -> None:
    if loop is not None and getattr(pool, "_loop", None) is loop:
        told.awaited.append(pool.expire_connections)
        told.count("asyncpg")


def _psycopg2(pool: Any, told: Told, loop: Loop) -> None:
    if pool.closed:
        return
    told.count("psycopg2")
    idle = pool._pool
    while idle:
        with contextlib.suppress(IndexError):  # a thread of the app's has taken the last one
            idle.pop().close()


def _is_of(pool: Any, loop: asyncio.AbstractEventLoop) -> bool:
    """Whether an asynchronous pool belongs to this loop: its own workers do."""
    workers = getattr(pool, "_workers", ())
    return all(w.get_loop() is loop for w in workers if hasattr(w, "get_loop"))


def _descriptor(connection: Any) -> set[int]:
    """That of a driver's connection, where it can be asked for it."""
    try:
        return {int(connection.fileno())}
    except Exception:  # noqa: BLE001 - drivers raise errors of their own on a closed connection
        return set()


_KNOWN: Final[tuple[tuple[str, str, Tell], ...]] = (
    ("sqlalchemy.pool.base", "Pool", _sqlalchemy_pool),
    ("sqlalchemy.pool.base", "_ConnectionRecord", _sqlalchemy_record),
    ("django.db.backends.base.base", "BaseDatabaseWrapper", _django),
    ("psycopg_pool", "ConnectionPool", _psycopg_pool),
    ("psycopg_pool", "AsyncConnectionPool", _psycopg_async_pool),
    ("asyncpg.pool", "Pool", _asyncpg),
    ("psycopg2.pool", "AbstractConnectionPool", _psycopg2),
)
