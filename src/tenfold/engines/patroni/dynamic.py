"""What the members of a cluster share: Patroni's dynamic configuration, as data. Pure."""

from __future__ import annotations

from typing import Any

from tenfold.engines.postgresql.conf import limits
from tenfold.engines.postgresql.sizing import Sizing
from tenfold.topology.settings import PatroniSettings

MOST_LAG_BYTES = 1 << 30
"""How far behind its leader a member may be that is elected. Which commits it has is told by the
synchronous ones; what a dead leader wrote beyond those was acknowledged to nobody."""


def member_slot(member: str) -> str:
    """What Patroni calls the slot of a member, which is named after its host."""
    return "".join(_slot_character(c) for c in member.lower())[:63]


def _slot_character(character: str) -> str:
    if character in "-.":
        return "_"
    plain = character.isascii() and (character.isalnum() or character == "_")
    return character if plain else f"u{ord(character):04d}"


def dynamic(settings: PatroniSettings, sizes: Sizing, members: int) -> dict[str, Any]:
    """The whole of it. Its parameters are those that Patroni takes from nowhere else, and they are
    what our own ``postgresql.conf`` has: a server that is taken over needs no restart.

    Args:
        settings: of any member.
        sizes: such that every member could follow every other.
        members: how many there are.

    Raises:
        ValueError: the times contradict each other; Patroni would silently change them.
    """
    needed = settings.loop_wait_seconds + 2 * settings.retry_timeout_seconds
    if needed > settings.ttl_seconds:
        raise ValueError(f"a lease of {settings.ttl_seconds} s is shorter than {needed} s")
    return {
        "ttl": settings.ttl_seconds,
        "loop_wait": settings.loop_wait_seconds,
        "retry_timeout": settings.retry_timeout_seconds,
        "primary_start_timeout": settings.primary_start_timeout_seconds,
        "synchronous_mode": _synchronous(settings, members),
        "synchronous_mode_strict": settings.strict,
        "synchronous_node_count": settings.synchronous_nodes,
        "maximum_lag_on_failover": MOST_LAG_BYTES,
        "check_timeline": True,
        "failsafe_mode": True,
        "slots": {f"tenfold_{node}": {"type": "physical"} for node in settings.kept_slots},
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": {
                **limits(sizes),
                "wal_level": "logical",
                "hot_standby": "on",
                "max_replication_slots": 16,
                "track_commit_timestamp": "on",
                # pg_rewind needs this or checksums, which are on since initdb.
                "wal_log_hints": "off",
            },
        },
    }


def _synchronous(settings: PatroniSettings, members: int) -> str | bool:
    """Of three members a commit waits for whichever other is quicker. Of two it waits for the one,
    and Patroni is not to look for a quorum: a new leader whose only peer just died would keep
    every commit waiting for it until it has been given up (measured: 3.7 s instead of 0.5)."""
    if not settings.synchronous:
        return False
    return "quorum" if members > settings.synchronous_nodes + 1 else True
