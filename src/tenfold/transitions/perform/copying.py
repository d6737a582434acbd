"""What is told and remembered while a new follower is copied, and when it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import psycopg

from tenfold.engines.postgresql import orders, replication
from tenfold.engines.postgresql.admin import MAINTENANCE
from tenfold.engines.postgresql.login import connect, login
from tenfold.engines.postgresql.peers import slot_name
from tenfold.errors import TenfoldError, UnitFailed
from tenfold.topology.model import Pool, Unit
from tenfold.topology.settings import DatabaseSettings, PatroniSettings
from tenfold.transitions.copies import with_copy
from tenfold.transitions.perform.databases import database_unit, disk_state, settings_of, size
from tenfold.transitions.perform.world import Tell, World

LOOK_EVERY_SECONDS = 0.2
FULL = "No space left on device"


@contextmanager
def copying(path: str, world: World, tell: Tell) -> Iterator[None]:
    """Tell how far the copy of a new follower is, while the block has it made, and remember that
    nobody has compared it yet.

    One that cannot be made is not tried again and again: every time all is copied.
    """
    member = world.blueprint.topology.member(path)
    leader = _leader(member, world)
    if leader is None:
        yield
        return
    assert isinstance(member, Unit)
    if not isinstance(member.settings, PatroniSettings) and not _has_data(member, world):
        with_copy(world.journal, path)
    over = Event()
    slot = slot_name(settings_of(member))
    watch = Thread(target=_watch, args=(leader, slot, world, tell, over), daemon=True)
    watch.start()
    try:
        yield
    except UnitFailed as fault:
        if disk_state(world, member).cluster:
            raise
        world.agent(member.host).stop(member.name)
        raise _not_copied(member, leader, fault) from fault
    finally:
        over.set()
        watch.join()


def _has_data(unit: Unit, world: World) -> bool:
    # Its host may have come to be a moment ago, and have nothing yet of what looks at its disk.
    world.agent(unit.host).write(world.blueprint.scripts(unit))
    return disk_state(world, unit).cluster


def _leader(member: Unit | Pool, world: World) -> Unit | None:
    """Whom a database follows, by the goal; ``None`` for the leader and for what is no database."""
    if not isinstance(member.settings, DatabaseSettings):
        return None
    path = world.blueprint.leaders.get(member.settings.cluster, member.path)
    return None if path == member.path else database_unit(path, world)[0]


def _watch(leader: Unit, slot: str, world: World, tell: Tell, over: Event) -> None:
    stands_back: set[int] = set()
    who = login(leader, world.blueprint.scene(leader), "superuser", database=MAINTENANCE)
    with suppress(TenfoldError, psycopg.Error), connect(who) as session:  # only words are lost
        while not over.wait(LOOK_EVERY_SECONDS):
            found = replication.copy_progress(session, slot)
            if found is not None:
                if not stands_back.issuperset(found.backends):
                    stands_back.update(found.backends)
                    with suppress(TenfoldError):  # a courtesy: how far the copy is goes on
                        world.agent(leader.host).run(orders.stand_back(found.backends))
                of = f" of {size(found.total_bytes)}" if found.total_bytes else ""
                tell(f"copied {size(found.copied_bytes)}{of}")
                world.evidence.copied_bytes = found.copied_bytes


def _not_copied(unit: Unit, leader: Unit, fault: UnitFailed) -> UnitFailed:
    full = FULL in (fault.detail or "")
    why = f": the disk of {unit.host} is full" if full else ""
    return UnitFailed(
        f"{unit.path} could not be copied from {leader.path}{why}",
        changed="nothing for your users; what was copied is deleted",
        next="make room there" if full else "mend what is shown above",
        detail=fault.detail or fault.what,
    )
