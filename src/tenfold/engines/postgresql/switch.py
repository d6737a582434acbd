"""What a change of leaders asks of servers, over connections that the caller opened beforehand.

Opening a connection takes some 10 ms (SCRAM); during a hold everything here takes a round trip.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from tenfold.engines.postgresql.login import Connection
from tenfold.errors import StepFailed

POLL_SECONDS = 0.001
ROOM_SHARE = 3 / 16
"""How much of a segment of the log is left for what is written until the leader stops."""


def position(lsn: str) -> int:
    """A position in the log as a number of bytes: ``0/16B3748`` -> 23803720.

    Raises:
        ValueError: it is no position.
    """
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def bytes_behind(lsn: str | None, leader: str) -> int:
    """How much of the leader's log is missing at ``lsn``; never negative."""
    return max(0, position(leader) - position(lsn or "0/0"))


def checkpoint(connection: Connection) -> None:
    """Write out what is dirty, as superuser; a follower does so up to its leader's last one."""
    connection.execute("CHECKPOINT")


def checkpoint_within(connection: Connection, within_seconds: float) -> None:
    """The same, for a stop that comes next. Raises ``StepFailed``: not in time, or it broke off."""
    with _told(), connection.within(within_seconds):
        checkpoint(connection)


def make_stop_short(
    leader: Connection,
    follower: Connection,
    *,
    within_seconds: float,
) -> None:
    """Do beforehand, right before a hold, what a stop of the leader would do while users wait.

    With ``archive_mode = on`` a stop closes the segment of the log: the rest of it, up to a segment
    of zeros, is written, sent and flushed, and its last checkpoint goes into a new one, which is
    written in full first. So the segment is filled up to :data:`ROOM_SHARE` first, *then* a
    checkpoint is written on both, which lays out the next segment once three quarters of one are
    used. Measured with segments of 16 MiB: a stop took 50 ms instead of 150. If more log than that
    is written before the stop, it takes as long as ever.

    Raises:
        StepFailed: the follower does not replay that much in time, or a server broke off.
    """
    with _told(), leader.within(within_seconds), follower.within(within_seconds):
        _fill_segment(leader)
        checkpoint(leader)
        wait_until_replayed(follower, flushed(leader), within_seconds=within_seconds)
        checkpoint(follower)


def _fill_segment(connection: Connection) -> None:
    row = connection.execute(
        "SELECT pg_current_wal_insert_lsn()::text, setting::bigint FROM pg_settings"
        " WHERE name = 'wal_segment_size'"
    ).fetchone()
    assert row is not None
    size = int(str(row[1]))
    filling = int(size * (1 - ROOM_SHARE)) - position(str(row[0])) % size
    if filling > 0:
        # A message to nobody: in the log, and nowhere else.
        connection.execute(
            "SELECT pg_logical_emit_message(false, 'tenfold', repeat('-', %s))", [filling]
        )


def flushed(connection: Connection) -> str:
    """Where a leader's log ends on its disk, which is all that can be replayed elsewhere."""
    row = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
    assert row is not None
    return str(row[0])


def wait_until_replayed(
    connection: Connection, lsn: str, *, within_seconds: float, beyond: bool = False
) -> str:
    """Poll a follower every millisecond until it has replayed up to ``lsn``; gives its position.

    With ``beyond``, until it has replayed the record that *begins* at ``lsn``, as
    ``DiskState.checkpoint`` does: records are replayed whole.

    Raises:
        StepFailed: not in time, saying how much is missing; or the server broke off.
    """
    wanted = position(lsn) + (1 if beyond else 0)
    last: list[str] = []

    def replayed() -> bool:
        row = connection.execute("SELECT pg_last_wal_replay_lsn()::text").fetchone()
        if row is None or row[0] is None:
            raise StepFailed("a server that never followed anybody was to replay a log")
        last[:] = [str(row[0])]
        return position(last[0]) >= wanted

    if not _poll(replayed, within_seconds):
        raise StepFailed(
            f"the follower has replayed the log up to {last[0]}, {bytes_behind(last[0], lsn)} bytes"
            f" short of {lsn}, after {within_seconds:g} s"
        )
    return last[0]


def promote(connection: Connection) -> None:
    """Have a follower lead, as superuser, without waiting; see :func:`wait_until_writable`.

    The caller has seen before that the former leader is fenced and stopped.
    """
    with _told():
        connection.execute("SELECT pg_promote(wait => false)")


def follows(connection: Connection) -> bool:
    """Whether the server follows another one, and so accepts no writes."""
    return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


def wait_until_writable(connection: Connection, *, within_seconds: float) -> None:
    """Poll every millisecond until a promoted server accepts writes.

    Raises:
        StepFailed: not in time, or the server broke off.
    """
    if not _poll(lambda: not follows(connection), within_seconds):
        raise StepFailed(f"the server still follows {within_seconds:g} s after it was promoted")


def _poll(condition: Callable[[], bool], within_seconds: float) -> bool:
    deadline = time.monotonic() + within_seconds
    with _told():
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
    return True


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StepFailed(
            "PostgreSQL broke off in the middle of a switch",
            next="tenfold logs   shows what it says",
            detail=error.diag.message_primary or str(error).strip(),
        ) from error
