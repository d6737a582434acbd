"""A topology less the hosts that were taken out of it for a while. Pure.

Everything else goes on being rendered for all hosts: who is taken out for an hour changes nobody's
configuration.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from tenfold.topology.model import Topology

FACT: Final = "drained"
"""Fact: their names."""
EMPTIED: Final = "emptied"
"""Fact: the names of those whose data was given up, and which etcd does not know any more."""


def brings_back(host: str, emptied: Collection[str]) -> str:
    """The command after which a host that was taken out takes part again."""
    return f"tenfold host {'replace' if host in emptied else 'add'} {host}"


def without(topology: Topology, drained: Collection[str]) -> Topology:
    """The topology without these hosts, and what is on them."""
    return replace(
        topology,
        hosts=tuple(h for h in topology.hosts if h.name not in drained),
        units=tuple(u for u in topology.units if u.host not in drained),
        pools=tuple(p for p in topology.pools if p.host not in drained),
    )
