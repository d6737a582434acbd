"""Zones of a site that is in several: the file may not change them under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenfold.deployment import applied as applied_facts
from tenfold.errors import Refused
from tenfold.stages.path import FAILS_OVER
from tenfold.topology.settings import EtcdSettings

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.topology.model import Topology


def require_same(deployment: Deployment, intent: Intent) -> None:
    """See that ``[zones]`` is what it was when the site came to be in several zones.

    Raises:
        Refused: it is not: members of etcd and databases join and leave one at a time.
    """
    found = applied_facts.from_json(deployment.facts().get(applied_facts.FACT))
    if found is None or intent.position not in FAILS_OVER or deployment.position not in FAILS_OVER:
        return
    was = {host["name"]: str(host["zone"]) for host in found.hosts}
    differences = changed(was, frozenset(found.expected), intent.goal.topology)
    if differences:
        raise Refused(
            f"[zones] is not what the site was brought up with: {'; '.join(differences)}",
            changed="nothing",
            next="write it as it was, or  tenfold shrink --to 100,  then  tenfold grow --to 1k",
        )


def changed(was: dict[str, str], members: frozenset[str], wanted: Topology) -> tuple[str, ...]:
    """What is different, in sentences. Pure.

    Args:
        was: the zone of each host that there is.
        members: the paths of everything that there is.
        wanted: what the file amounts to.
    """
    told = [
        f"{host.name} is in zone {was[host.name]}, not {host.zone}"
        for host in wanted.hosts
        if was.get(host.name, host.zone) != host.zone
    ]
    before = {path for path in members if path.endswith("/etcd")}
    after = {member.path for member in wanted.of(EtcdSettings)}
    if before and before != after:
        names = ", ".join(sorted(path.partition("/")[0] for path in before))
        others = ", ".join(sorted(path.partition("/")[0] for path in after))
        told.append(f"etcd is on {names}, not {others}")
    return tuple(told)
