"""What has to be spread over zones, so that the loss of any one of them is survived. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from tenfold.topology.model import InvalidTopology, Pool, Topology, Unit
from tenfold.topology.settings import EdgeSettings, EtcdSettings, PatroniSettings

LEAST_ZONES: Final = 3
"""Of two zones that do not hear each other neither knows which of them is to go on."""
LEAST_SERVING: Final = 2


def check(topology: Topology) -> None:
    """See that a topology survives the loss of a zone.

    etcd: an odd number of members, at least three, each in a zone of its own. Members of a database
    cluster: each in a zone of its own, where etcd has a member, too. App and edge: in at least two
    zones, each edge beside an app.

    Raises:
        InvalidTopology: it does not; says what is missing.
    """
    etcd = topology.of(EtcdSettings)
    _check_etcd(topology, etcd)
    for cluster, members in _clusters(topology).items():
        if len(members) < LEAST_SERVING:
            raise InvalidTopology(f"database cluster {cluster} has no member to fail over to")
        _check_apart(topology, members, f"members of database cluster {cluster}")
    apps = {pool.host for pool in topology.app_pools}
    edges = {edge.host for edge in topology.of(EdgeSettings)}
    for what, hosts in (("the app", apps), ("the edge", edges)):
        if len({_zone(topology, host) for host in hosts}) < LEAST_SERVING:
            raise InvalidTopology(f"{what} is in one zone alone: its loss would be the site's")
    for host in sorted(edges - apps):
        raise InvalidTopology(f"the edge on {host} has no app beside it")


def _check_etcd(topology: Topology, members: tuple[Unit | Pool, ...]) -> None:
    count = len(members)
    if count < LEAST_ZONES:
        raise InvalidTopology(
            f"etcd has {count} members: with fewer than {LEAST_ZONES}, in zones of their own, the"
            " loss of one is the loss of all"
        )
    if count % 2 == 0:
        raise InvalidTopology(
            f"etcd has {count} members: an even number survives the loss of no more than"
            f" {count - 1} would, and may fall into two halves; take {count - 1} or {count + 1}"
        )
    _check_apart(topology, members, "etcd members")


def _check_apart(topology: Topology, members: Iterable[Unit | Pool], what: str) -> None:
    zones = Counter(_zone(topology, member.host) for member in members)
    for zone, count in zones.items():
        if count > 1:
            raise InvalidTopology(
                f"zone {zone[1]} has {count} {what}: each needs a zone of its own"
            )


def _clusters(topology: Topology) -> dict[str, list[Unit | Pool]]:
    found: dict[str, list[Unit | Pool]] = {}
    for member in topology.of(PatroniSettings):
        assert isinstance(member.settings, PatroniSettings)
        found.setdefault(member.settings.cluster, []).append(member)
    return found


def _zone(topology: Topology, host: str) -> tuple[str, str]:
    found = topology.host(host)
    return found.region, found.zone
