"""What is wrong with a database that fails over by itself, from the snapshots. Pure.

Who leads is what the servers say of themselves, and who has every commit what the leader says; of
etcd it is known whether its members run, as their hosts' agents say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tenfold.metrics.alerts.sign import Sign
from tenfold.metrics.snapshot import Database, Snapshot
from tenfold.topology.observation import ObservedHost

DATABASE = "database"
LIVE = ("running", "draining", "holding")


def signs(past: Sequence[Snapshot]) -> Iterator[Sign]:
    """Nobody leads, commits are on one host alone, another one leads, etcd lacks members; ``past``
    is the oldest first and ends with now."""
    now = past[-1]
    yield from _etcd(now)
    if not now.members:
        return
    leaders = [database for database in now.databases if database.leads]
    asked = {database.host for database in now.databases}
    silent = {host.name for host in now.hosts if host.agent != "running"}
    if not leaders and not (set(now.members) & silent) - asked:  # else one of those may lead
        yield Sign(
            "nobody-leads",
            DATABASE,
            "no database leads: whatever needs it waits, and fails after 40 s",
            "tenfold status    says who is missing; tenfold up    brings back hosts that are gone",
        )
    for leader in leaders:
        yield from _alone(leader)
    yield from _changed(past)


def _alone(leader: Database) -> Iterator[Sign]:
    if any(follower.in_sync for follower in leader.followers):
        return
    what = (
        f"commits on {leader.host} wait for another database, and none has all that it wrote"
        if leader.waits
        else f"commits are on {leader.host} alone: no other database has all that it wrote, so"
        " none could take its place"
    )
    yield Sign(
        "commits-alone",
        DATABASE,
        what,
        "tenfold status    says which database does not follow, and what brings it back",
    )


def _changed(past: Sequence[Snapshot]) -> Iterator[Sign]:
    """The last change in the window, unless a command was at work then."""
    known = [s for s in past if _leader(s) is not None]
    for before, after in reversed(list(pairwise(known))):
        was, leads = _leader(before), _leader(after)
        if was != leads and not (before.transition or after.transition):
            yield Sign(
                "leader-changed",
                DATABASE,
                f"{leads} leads the database, in place of {was}, and nobody asked for that",
                f"tenfold status; tenfold logs postgres    tells what became of {was}",
            )
            return


def _leader(snapshot: Snapshot) -> str | None:
    """Who leads; ``None`` if nobody does, or two were seen while they changed."""
    found = [database.host for database in snapshot.databases if database.leads]
    return found[0] if len(found) == 1 else None


def _etcd(now: Snapshot) -> Iterator[Sign]:
    running = {host.name for host in now.hosts if _runs(host)}
    lost = [name for name in now.etcd if name not in running]
    left = len(now.etcd) - len(lost)
    if lost and 2 * left <= len(now.etcd):
        yield Sign(
            "etcd-majority",
            "etcd",
            f"{left} of {len(now.etcd)} members of etcd run, which is no majority: whoever leads"
            " goes on, and nobody could take its place",
            "tenfold status    says which are missing; docs/operations/journal.md",
        )
        return
    for name in lost:
        yield Sign(
            "etcd-member",
            f"{name}/etcd",
            f"etcd on {name} does not run: {left} of {len(now.etcd)} members are left",
            "tenfold up    brings it back; tenfold status    says if its data are gone",
        )


def _runs(host: ObservedHost) -> bool:
    return any(unit.engine == "etcd" and unit.state in LIVE for unit in host.units)
