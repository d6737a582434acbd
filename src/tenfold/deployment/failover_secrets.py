"""Certificates by which etcd and Patroni know whom they talk to: made once, kept with secrets."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

from tenfold.engines.etcd.names import AUTHORITY, AUTHORITY_KEY, host_secret
from tenfold.secret import Secret
from tenfold.state import secrets
from tenfold.targets.protocol import Target
from tenfold.topology.model import Topology
from tenfold.topology.settings import EtcdSettings


def ensure(path: Path, topology: Topology, target: Target) -> Mapping[str, Secret]:
    """The authority's certificate and each host's own; missing ones are made and kept.

    Nothing where there is no etcd.

    Raises:
        Refused: the file of secrets is unreadable or open to others.
    """
    if not topology.of(EtcdSettings):
        return {}
    from tenfold.engines.etcd.authority import new_authority, new_host  # slow to import

    known, now = secrets.load(path), datetime.datetime.now(datetime.UTC)
    made = {} if AUTHORITY in known else new_authority(topology.app, now)
    authority = {**known, **made}
    for host in topology.hosts:
        name = host_secret(host.name)
        if made or name not in known:
            address = target.locate(host).address
            made[name] = new_host(
                authority[AUTHORITY], authority[AUTHORITY_KEY], host.name, address, now
            )
    secrets.remember(path, made)
    found = {**known, **made}
    wanted = (AUTHORITY, *(host_secret(h.name) for h in topology.hosts))
    return {name: found[name] for name in wanted}
