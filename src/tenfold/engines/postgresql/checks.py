"""Does anything stand in the way of another server's taking over? Pure: facts in, findings out.

Nothing was touched yet when these are asked::

    findings = checks(gather(leader), installation, limits(sizes), slot="tenfold_2")
    stops = [f for f in findings if f.severity == "stop"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tenfold.engines.postgresql.disk import Installation
from tenfold.engines.postgresql.facts import Facts
from tenfold.engines.postgresql.sizing import MIB, size_text

LONG_SECONDS = 10.0
"""Older transactions are told: a switch ends them."""

SENDERS_OF_A_COPY = 2
"""A copy and its log come over a connection each."""

_MAKE_ROOM = "make room there"

Severity = Literal["stop", "warn", "fine"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome. ``stop``: do not begin; ``warn``: tell the user, then begin."""

    name: str
    severity: Severity
    what: str
    evidence: str = ""
    fix: str = ""


def checks(
    facts: Facts,
    other: Installation,
    limits: Mapping[str, int],
    *,
    slot: str,
    copied: bool = False,
) -> tuple[Finding, ...]:
    """All checks, one finding each, in the order in which people want to read them.

    Args:
        facts: of the leader.
        other: the installation on the host that is to take over.
        limits: what the other server will run with (:func:`.conf.limits`).
        slot: the other server's slot at the leader.
        copied: the other server has its data already, so that it needs neither room nor
            connections for a copy.
    """
    return (
        version(facts, other),
        libraries(facts, other),
        wal_level(facts),
        room_to_follow(facts, limits),
        connections(facts, slot=slot, copied=copied),
        disk(0 if copied else facts.data_bytes, max_wal_bytes(facts), other.free_bytes),
        tablespaces(facts),
        unlogged(facts),
        prepared(facts),
        transactions(facts),
        checksums(facts),
        slots(facts, slot=slot),
        kept_log(facts),
        logical(facts),
    )


def version(facts: Facts, other: Installation) -> Finding:
    """Log and data are of one major version; within it, everything fits."""
    here, there = facts.version.split(" ")[0], other.version
    if here.split(".")[0] != str(other.major):
        return Finding(
            "version",
            "stop",
            "the two servers are of different major versions",
            f"PostgreSQL {here} here, {there} there",
            f"install PostgreSQL {here.split('.')[0]} there",
        )
    return Finding("version", "fine", f"PostgreSQL {here} here, {there} there")


def libraries(facts: Facts, other: Installation) -> Finding:
    """A function whose library is missing fails when it is called, a preloaded one at the start."""
    missing = [
        f"{library} ({where})"
        for library, where in sorted(facts.libraries.items())
        if library not in other.libraries
    ]
    return _none(
        "libraries",
        missing,
        "stop",
        "extensions in use are not installed there",
        "install them there, or drop the extensions",
        f"all {len(facts.libraries)} libraries in use are there",
    )


def wal_level(facts: Facts) -> Finding:
    """Without enough in the log there is nothing to follow."""
    level = facts.settings["wal_level"]
    if level == "minimal":
        return Finding(
            "wal_level",
            "stop",
            "the log has not enough in it for a follower",
            f"wal_level = {level}",
            "set wal_level = logical, which takes a restart",
        )
    return Finding("wal_level", "fine", f"wal_level = {level}")


def room_to_follow(facts: Facts, limits: Mapping[str, int]) -> Finding:
    """A follower does not start with less than its leader runs with; what is set is not enough."""
    short = [
        f"{name}: {facts.settings[name]} here, {value} there"
        for name, value in limits.items()
        if int(facts.settings[name]) > value
    ]
    return _none(
        "limits",
        short,
        "stop",
        "the leader runs with more than the follower will have",
        "restart the leader, so that it takes over what its configuration says",
        "the follower has room for all that the leader may do",
    )


def connections(facts: Facts, *, slot: str, copied: bool) -> Finding:
    """Free slots and senders."""
    all_slots, all_senders = (
        int(facts.settings[name]) for name in ("max_replication_slots", "max_wal_senders")
    )
    wanted_slots = 0 if any(s.name == slot for s in facts.slots) else 1
    # Until it is copied a follower needs the two, afterwards it may have its one already.
    wanted_senders = 0 if copied else SENDERS_OF_A_COPY
    free_slots, free_senders = all_slots - len(facts.slots), all_senders - facts.senders
    told = f"{free_slots} of {all_slots} slots and {free_senders} of {all_senders} senders are free"
    if free_slots < wanted_slots or free_senders < wanted_senders:
        return Finding(
            "slots_and_senders",
            "stop",
            "the leader has no place for another follower",
            told,
            "drop slots that nobody uses, end followers that nobody needs",
        )
    return Finding("slots_and_senders", "fine", told)


def disk(data_bytes: int, log_bytes: int, free_bytes: int) -> Finding:
    """Room for the data and the log there; half as much again is what one should have to grow."""
    needed = data_bytes + log_bytes
    told = f"{_size(needed)} needed, {_size(free_bytes)} free"
    if free_bytes < needed:
        return Finding("disk", "stop", "the disk there is too small", told, "make room there")
    if free_bytes < needed * 3 // 2:
        return Finding(
            "disk", "warn", "the disk there will be nearly full", told, "make room there"
        )
    return Finding("disk", "fine", told)


def tablespaces(facts: Facts) -> Finding:
    """They would be copied to the same paths, which on one machine are taken."""
    return _none(
        "tablespaces",
        facts.tablespaces,
        "stop",
        "tablespaces lie outside of the data directory",
        "move their tables with ALTER TABLE ... SET TABLESPACE pg_default, and drop them",
        "everything lies in the data directory",
    )


def unlogged(facts: Facts) -> Finding:
    """What is not in the log is empty on the follower."""
    return _none(
        "unlogged_tables",
        facts.unlogged,
        "stop",
        "unlogged tables would be empty afterwards",
        "ALTER TABLE ... SET LOGGED, or drop them",
        "every table is in the log",
    )


def prepared(facts: Facts) -> Finding:
    """They hold their locks through any restart until somebody decides, who may not find them."""
    return _none(
        "prepared_transactions",
        [str(t) for t in facts.prepared],
        "stop",
        "prepared transactions wait for their end",
        "COMMIT PREPARED or ROLLBACK PREPARED each",
        "no prepared transaction waits",
    )


def transactions(facts: Facts) -> Finding:
    """A fast stop ends them; whoever made them gets an error."""
    return _none(
        "long_transactions",
        [str(t) for t in facts.transactions if t.seconds > LONG_SECONDS],
        "warn",
        "transactions run for long, and the switch would end them",
        "wait for them, or end them",
        f"no transaction is older than {LONG_SECONDS:.0f} s",
    )


def checksums(facts: Facts) -> Finding:
    """Without them damage is copied unseen."""
    if facts.settings["data_checksums"] != "on":
        return Finding(
            "checksums",
            "warn",
            "pages carry no checksums: damage would be copied unseen",
            "data_checksums = off",
            "pg_checksums --enable, while the server is stopped",
        )
    return Finding("checksums", "fine", "every page carries a checksum")


def slots(facts: Facts, *, slot: str) -> Finding:
    """Slots of others stay behind: they are no part of the data."""
    behind = [f"{s.name} ({s.kind})" for s in facts.slots if s.name != slot]
    return _none(
        "slots",
        behind,
        "warn",
        "slots stay behind on the old leader",
        "their readers have to begin anew at the new leader",
        "nobody else reads this server's log",
    )


def kept_log(facts: Facts) -> Finding:
    """Much log means that somebody lags, or that the archive does not keep up."""
    usual = 2 * max_wal_bytes(facts)
    lost = [f"slot {s.name} is lost" for s in facts.slots if s.lost]
    if facts.log_bytes > usual:
        lost.append(f"{_size(facts.log_bytes)} of log, usual are up to {_size(usual)}")
    return _none(
        "kept_log",
        lost,
        "warn",
        "much of the log is kept, or more would have been needed",
        "see who lags: SELECT * FROM pg_replication_slots",
        f"{_size(facts.log_bytes)} of log",
    )


def logical(facts: Facts) -> Finding:
    """Both go along, but their partners know the old address, or the old slot."""
    found = [f"publication {name}" for name in facts.publications]
    found += [f"subscription {name}" for name in facts.subscriptions]
    return _none(
        "logical_replication",
        found,
        "warn",
        "others replicate tables from here, or this server from others",
        "point subscribers to the new leader; their slots have to be made there",
        "no publications, no subscriptions",
    )


def _none(
    name: str, found: Sequence[str], severity: Severity, what: str, fix: str, fine: str
) -> Finding:
    """A check that wants to find nothing."""
    if not found:
        return Finding(name, "fine", fine)
    return Finding(name, severity, what, ", ".join(_few(found)), fix)


def _few(found: Sequence[str], most: int = 10) -> Iterator[str]:
    yield from found[:most]
    if len(found) > most:
        yield f"and {len(found) - most} more"


def max_wal_bytes(facts: Facts) -> int:
    """How much log a server keeps by itself, in bytes."""
    return int(facts.settings["max_wal_size"]) * MIB


def _size(size: int) -> str:
    return size_text(size // MIB * MIB) if size >= MIB else f"{size} bytes"
