"""What was applied last: enough to tell health and to stop, even when the file is broken now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tenfold.topology.model import Host, Pool, Topology
from tenfold.wiring.document import Document

FACT = "applied"


@dataclass(frozen=True, slots=True)
class Applied:
    """Membership in plain data. ``expected`` maps ``host/member`` to the units it must have,
    ``urls`` each edge to where it listens."""

    app: str
    stage: str
    url: str | None
    hosts: tuple[Mapping[str, Any], ...] = ()
    expected: Mapping[str, int] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return asdict(self)

    def host(self, name: str) -> Mapping[str, Any]:
        """Target, region and zone of a host."""
        plain = {"target": "local", "region": "local", "zone": "a"}
        return next((h for h in self.hosts if h["name"] == name), plain)


def applied(topology: Topology, document: Document, whole: Topology | None = None) -> Applied:
    """What this topology amounts to; ``whole`` is the one with the hosts that are drained."""
    there = {host.name for host in topology.hosts}
    urls = {path: url for path, url in document.urls.items() if path.partition("/")[0] in there}
    return Applied(
        app=topology.app,
        stage=topology.stage,
        # Whoever publishes one address publishes that of the first edge that there is.
        url=document.url if urls == document.urls else next(iter(urls.values()), document.url),
        urls=urls,
        hosts=tuple(_host(h) for h in (whole or topology).hosts),
        expected={m.path: m.minimum if isinstance(m, Pool) else 1 for m in topology.members()},
    )


def from_json(data: Mapping[str, Any] | None) -> Applied | None:
    """Read what :meth:`Applied.to_json` wrote; ``None`` for ``None``."""
    if data is None:
        return None
    return Applied(
        app=data["app"],
        stage=data["stage"],
        url=data["url"],
        hosts=tuple(data["hosts"]),
        expected=dict(data["expected"]),
        urls=dict(data.get("urls", {})),
    )


def _host(host: Host) -> dict[str, Any]:
    return {"name": host.name, "target": host.target, "region": host.region, "zone": host.zone}
