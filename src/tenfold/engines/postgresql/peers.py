"""Which servers form a cluster, and which of them one would follow. Pure.

Who leads at this moment is decided by a file in each data directory (:mod:`.orders`), never here:
every member of a cluster is told whom to follow *if* it follows, so that a change of roles needs
no other configuration, and a new member no restart of the old.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import join

from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.settings import DatabaseSettings


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server to copy from and to follow, as one of its followers reaches it.

    ``slot`` is the follower's place in the upstream's log; ``passfile`` holds the password;
    ``kilobytes_per_second`` bounds the copy, 0 does not.
    """

    host: str
    port: int
    user: str
    slot: str
    passfile: str
    kilobytes_per_second: int = 0

    def conninfo(self) -> str:
        """libpq's connection string.

        A peer that vanished without a word is noticed after 10 + 3 * 5 s. One that is there and
        takes nothing, because it was stopped, is let go of by the leader after 30 s: a sender that
        is ended while it cannot send would otherwise keep the leader's checkpoints waiting for it.
        """
        parts = {
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "passfile": self.passfile,
            "application_name": self.slot,
            "connect_timeout": "5",
            "keepalives_idle": "10",
            "keepalives_interval": "5",
            "keepalives_count": "3",
            "options": "-ctcp_user_timeout=30000",
        }
        return " ".join(f"{name}={_word(value)}" for name, value in parts.items())


def slot_name(settings: DatabaseSettings) -> str:
    """The slot that this data directory has at whoever it follows; its application name, too."""
    return f"tenfold_{settings.node}"


def members(cluster: str, scene: Scene) -> tuple[Unit | Pool, ...]:
    """All members of a cluster, as declared.

    Raises:
        ValueError: two of them have the same ``node`` and would share a slot.
    """
    found = [m for m in scene.topology.of(DatabaseSettings) if database(m).cluster == cluster]
    nodes = [database(m).node for m in found]
    if len(set(nodes)) < len(nodes):
        raise ValueError(f"members of {cluster} share a node: {nodes}")
    return tuple(found)


def others(member: Unit | Pool, scene: Scene) -> tuple[Unit | Pool, ...]:
    """The other members of this one's cluster."""
    whole = members(database(member).cluster, scene)
    return tuple(m for m in whole if m.path != member.path)


def leader(cluster: str, scene: Scene) -> Unit | Pool:
    """Who leads: the only member, or the one that ``scene.leaders`` names.

    Guessing would be fatal: a follower taken for a leader would get a cluster of its own.

    Raises:
        ValueError: there is no member, or there are several and none of them is named.
    """
    found = members(cluster, scene)
    named = [m for m in found if m.path == scene.leaders.get(cluster)]
    if len(found) == 1:
        return found[0]
    if not named:
        raise ValueError(f"{len(found)} members of {cluster}, and none is named as its leader")
    return named[0]


def upstream(member: Unit | Pool, scene: Scene) -> Upstream | None:
    """Whom this server follows if it follows: the leader, or the first other if it leads itself.

    ``None`` for a server that is alone.

    Raises:
        ValueError: the cluster has several members and ``scene.leaders`` names none of them.
    """
    peers = others(member, scene)
    if not peers:
        return None
    leading = leader(database(member).cluster, scene)
    chosen = peers[0] if leading.path == member.path else leading
    host, port = address(scene.wiring.endpoints[chosen.path])
    return Upstream(
        host=host,
        port=port,
        user=database(member).replication_role,
        slot=slot_name(database(member)),
        passfile=join(scene.place.config, "pgpass"),
        kilobytes_per_second=database(member).copy_bytes_per_second // 1024,
    )


def origin(member: Unit | Pool, scene: Scene) -> Upstream | None:
    """Whom this server's data is copied from if it has none; ``None`` if it is made here."""
    leads = leader(database(member).cluster, scene).path == member.path
    return None if leads else upstream(member, scene)


def origin_text(source: Upstream | None) -> str:
    """The file that ``initialise.sh`` reads when there is no data yet, and nobody afterwards.

    It follows the leader all the same: after a switch it changes, which costs a reload.
    """
    if source is None:
        return "# This server's data is made here.\n"
    return (
        "# This server's data is copied from its leader.\n"
        f"slot {source.slot}\n"
        + (f"rate {source.kilobytes_per_second}\n" if source.kilobytes_per_second else "")
        + f"upstream {source.conninfo()}\n"
    )


def address(endpoint: str) -> tuple[str, int]:
    """``address:port`` in two, without the brackets of IPv6."""
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)


def database(member: Unit | Pool) -> DatabaseSettings:
    """The member's settings.

    Raises:
        TypeError: it is something else than a database.
    """
    if not isinstance(member.settings, DatabaseSettings):
        raise TypeError(f"{member.path} is no database")
    return member.settings


def _word(value: str) -> str:
    if re.fullmatch(r"[\w./:%-]+", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
