"""Following: slots, how far a follower is, how far a copy is. Everything here as superuser."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import psycopg

from tenfold.engines.postgresql.login import Connection
from tenfold.engines.postgresql.switch import POLL_SECONDS, bytes_behind
from tenfold.errors import StepFailed


@dataclass(frozen=True, slots=True)
class Slot:
    """A follower's place in a server's log, which is kept from there on.

    ``wal_status`` is PostgreSQL's: ``reserved`` and ``extended`` are well, ``unreserved`` may be
    lost with the next checkpoint, ``lost`` is (``max_slot_wal_keep_size`` was passed): the follower
    has to be copied anew. ``kept_bytes`` is the log that is kept for it, ``left_bytes`` how much
    more will be; ``None`` where there is no bound or nothing is kept.
    """

    name: str
    kind: Literal["physical", "logical"]
    temporary: bool
    active: bool
    restart_lsn: str | None
    wal_status: str | None
    kept_bytes: int | None
    left_bytes: int | None

    @property
    def lost(self) -> bool:
        """What the follower still needs is gone."""
        return self.wal_status == "lost"


# Where the log of a server ends: written by itself, or received from whom it follows.
END_OF_LOG = """CASE WHEN pg_is_in_recovery()
 THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
 ELSE pg_current_wal_flush_lsn() END"""

_SLOTS = f"""
SELECT slot_name, slot_type, temporary, active, restart_lsn::text, wal_status,
       pg_wal_lsn_diff({END_OF_LOG}, restart_lsn)::bigint, safe_wal_size
  FROM pg_replication_slots ORDER BY slot_name
"""  # noqa: S608


def slots(connection: Connection) -> tuple[Slot, ...]:
    """All slots of a server, by name."""
    rows = connection.execute(_SLOTS).fetchall()
    return tuple(Slot(*row) for row in rows)  # type: ignore[arg-type]


def slot(connection: Connection, name: str) -> Slot | None:
    """The slot of this name, if there is one."""
    return next((s for s in slots(connection) if s.name == name), None)


def ensure_slot(connection: Connection, name: str) -> Slot:
    """Have a server keep its log from now on for a follower; a slot that is there stays as it is.

    On a leader before its follower is copied; on a follower before it is promoted, so that
    whoever led until then finds all that is new. One that is lost is *not* made anew: whoever
    needed it has a gap, which the caller has to see (:attr:`Slot.lost`) before it drops the slot.
    """
    found = slot(connection, name)
    if found is None:
        with suppress(psycopg.errors.DuplicateObject):  # somebody was quicker
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [name])
        found = slot(connection, name)
    assert found is not None
    return found


def drop_slot(connection: Connection, name: str, *, within_seconds: float = 10.0) -> bool:
    """Have a server forget a follower; gives whether there was a slot.

    A follower that was just stopped may take a moment to be noticed.

    Raises:
        StepFailed: somebody uses the slot all the time.
    """
    deadline = time.monotonic() + within_seconds
    # Asked before it is tried: what fails is a line in the server's log.
    while (found := slot(connection, name)) is not None:
        if not found.active:
            with suppress(psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
                connection.execute("SELECT pg_drop_replication_slot(%s)", [name])
                return True
        if time.monotonic() > deadline:
            raise StepFailed(
                f"the slot {name} is in use: its follower runs",
                next="stop the follower first",
            )
        time.sleep(POLL_SECONDS)
    return False


@dataclass(frozen=True, slots=True)
class FollowerState:
    """A follower and its place at its leader, at one moment.

    ``behind_bytes`` compares what it has *replayed* with the end of the leader's log on its disk
    (what was sent says nothing about what was not sent yet). ``slot`` is ``None`` if the leader
    has none for it.
    """

    in_recovery: bool
    streaming: bool
    received_lsn: str | None
    replayed_lsn: str | None
    leader_lsn: str
    behind_bytes: int
    slot: Slot | None

    @property
    def lost(self) -> bool:
        """It will never catch up: the leader has let go of what it needs."""
        return self.slot is not None and self.slot.lost


_FOLLOWER = """
SELECT pg_is_in_recovery(),
       coalesce((SELECT status = 'streaming' FROM pg_stat_wal_receiver), false),
       pg_last_wal_receive_lsn()::text,
       pg_last_wal_replay_lsn()::text
"""


def follower_state(leader: Connection, follower: Connection, name: str) -> FollowerState:
    """How far the follower is whose slot at the leader has this name."""
    # The leader first: the follower is at least this far behind or this near.
    end = leader.execute(f"SELECT ({END_OF_LOG})::text").fetchone()
    row = follower.execute(_FOLLOWER).fetchone()
    assert end is not None
    assert row is not None
    in_recovery, streaming, received, replayed = row
    return FollowerState(
        in_recovery=bool(in_recovery),
        streaming=bool(streaming),
        received_lsn=_text(received),
        replayed_lsn=_text(replayed),
        leader_lsn=str(end[0]),
        behind_bytes=bytes_behind(_text(replayed), str(end[0])),
        slot=slot(leader, name),
    )


@dataclass(frozen=True, slots=True)
class Awaited:
    """Whom commits wait for, by the server's own word. ``waits``: for somebody, be it one that does
    not follow just now; ``in_sync`` are those that do, by the names they follow under."""

    waits: bool
    in_sync: tuple[str, ...]


_AWAITED = """
SELECT current_setting('synchronous_standby_names') <> '',
       array(SELECT application_name::text FROM pg_stat_replication
              WHERE sync_state IN ('sync', 'quorum') ORDER BY 1)
"""


def awaited(connection: Connection) -> Awaited:
    """Whom a commit on this leader waits for."""
    waits, in_sync = connection.execute(_AWAITED).fetchall()[0]
    assert isinstance(in_sync, list)
    return Awaited(bool(waits), tuple(in_sync))


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """How far the copy of a new follower is. ``total_bytes`` is an estimate, ``None`` at first;
    ``backends`` are the leader's processes that send it."""

    phase: str
    copied_bytes: int
    total_bytes: int | None
    backends: tuple[int, ...] = ()


def copy_progress(leader: Connection, name: str) -> CopyProgress | None:
    """How much the leader has sent to the follower of this slot; ``None`` if it copies nothing."""
    row = leader.execute(
        "SELECT phase, backup_streamed, backup_total, pid FROM pg_stat_progress_basebackup"
        " JOIN pg_stat_replication USING (pid) WHERE application_name = %s",
        [name],
    ).fetchone()
    if row is None:
        return None
    phase, copied, total, backend = row
    expected = None if total is None else int(str(total))
    return CopyProgress(str(phase), int(str(copied)), expected, (int(str(backend)),))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
