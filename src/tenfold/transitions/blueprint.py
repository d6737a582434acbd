"""From a topology to everything that its units need: files, launches, fingerprints. Pure.

A blueprint is a topology put in its place: where hosts are, which binaries they have, what the
passwords are, which release serves. The planner compares its fingerprints with what runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tenfold.engines.protocol import Engine, Place, ReleasePlace, Scene
from tenfold.secret import Secret
from tenfold.targets.protocol import HostPaths
from tenfold.topology.model import Pool, Topology, Unit
from tenfold.topology.process import File, Launch, UnitOrder
from tenfold.topology.settings import DatabaseSettings, EndpointSettings, WorkerSettings
from tenfold.transitions.wire import wiring
from tenfold.wiring.document import Document


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A topology in its place, with the engines that render it, by name.

    ``secrets`` is keyed ``cluster.role``; ``variables`` are what ``[env]`` gives to the app;
    ``leaders`` maps a database cluster to the path of the unit that leads it; ``storage`` is where
    user files lie.
    """

    topology: Topology
    engines: Mapping[str, Engine]
    hosts: Mapping[str, HostPaths]
    binaries: Mapping[str, str]
    secrets: Mapping[str, Secret]
    release: ReleasePlace | None = None
    variables: Mapping[str, str | Secret] = field(default_factory=dict)
    leaders: Mapping[str, str] = field(default_factory=dict)
    storage: str = ""

    @property
    def document(self) -> Document:
        """Where everything is, as the app reads it on the first host that has it."""
        return self.document_on(None)

    def document_on(self, host: str | None) -> Document:
        """Where everything is, as it is read on this host: each has an endpoint of its own."""
        addresses = {name: paths.address for name, paths in self.hosts.items()}
        release = self.release.id if self.release else None
        return wiring(self.topology, addresses, release=release, leaders=self.leaders, host=host)

    def scene(self, member: Unit | Pool, instance: str = "") -> Scene:
        """All that rendering this member may look at."""
        return Scene(
            host=self.topology.host(member.host),
            topology=self.topology,
            wiring=self.document_on(member.host),
            place=self._place(member.name, member.host),
            secrets=self.secrets,
            instance=instance or member.name,
            variables=self.variables,
            leaders=self.leaders,
            neighbours={host: self._place(member.name, host) for host in self._beside(member.host)},
        )

    def _beside(self, host: str) -> list[str]:
        kernel = self.hosts[host].kernel
        known = [h.name for h in self.topology.hosts if h.name in self.hosts]
        return [h for h in known if h != host and kernel and self.hosts[h].kernel == kernel]

    def _place(self, name: str, host: str) -> Place:
        paths = self.hosts[host]
        return Place(
            config=f"{paths.root}/config/{name}",
            data=f"{paths.root}/data/{name}",
            run=paths.run,
            logs=paths.logs,
            assets=f"{paths.root}/assets",
            address=paths.address,
            binaries=self.binaries,
            release=self.release,
            storage=self.storage,
            pages=f"{paths.root}/pages",
        )

    def render(self, member: Unit | Pool, instance: str = "") -> tuple[tuple[File, ...], Launch]:
        """The files of a unit and how its process runs."""
        scene = self.scene(member, instance)
        made = self.engines[member.engine]
        return made.render(member, scene), made.launch(member, scene)

    def scripts(self, member: Unit | Pool) -> tuple[File, ...]:
        """Of its files those that orders execute on its host, for whoever asks before it is
        started."""
        return tuple(f for f in self.render(member)[0] if f.path.endswith(".sh"))

    def fingerprint(self, member: Unit | Pool) -> str:
        """A digest of what the unit is made from; the same for every instance of a pool.

        A release's directories do not count, only its id does: it names their content.
        """
        subject = self
        if isinstance(member, Pool) and self.release:
            same = ReleasePlace(self.release.id, "release", "python", "runtime")
            subject = replace(self, release=same)
        elif self.release:
            subject = replace(self, release=None)
        files, launch = subject.render(member, member.name)
        return _digest([[asdict(f) for f in files], asdict(launch)])

    def fingerprints(self) -> dict[str, str]:
        """Every member's fingerprint by its path; pools only where there is a release."""
        return {
            m.path: self.fingerprint(m)
            for m in self.topology.members()
            if self.release or isinstance(m, Unit)
        }

    def prepared(self) -> dict[str, str]:
        """A digest of roles and grants for every database."""
        return {m.path: self._prepared(m) for m in self.topology.of(DatabaseSettings)}

    def _prepared(self, member: Unit | Pool) -> str:
        assert isinstance(member.settings, DatabaseSettings)
        own = f"{member.settings.cluster}."
        passwords = {k: v for k, v in self.secrets.items() if k.startswith(own)}
        return _digest([asdict(member.settings), passwords])

    def order(self, member: Unit | Pool, *, generation: int = 0, index: int = 0) -> UnitOrder:
        """A unit as its agent is told of it; its files are ``render(...)[0]``."""
        pooled = isinstance(member, Pool)
        name = f"{member.name}.{generation}.{index}" if pooled else member.name
        settings = member.settings
        background = isinstance(settings, WorkerSettings | EndpointSettings)
        _, launch = self.render(member, name)
        return UnitOrder(
            name=name,
            engine=member.engine,
            launch=launch,
            after=()
            if pooled and not background
            else tuple(a for a in member.after if self._is_unit(member, a)),
            pool=member.name if pooled else None,
            generation=generation,
            release=self.release.id if pooled and self.release else None,
            endpoint=self.document.endpoints.get(member.path),
            background=background,
            single=isinstance(settings, WorkerSettings) and settings.single,
            fingerprint=self.fingerprint(member),
            outlives=member.outlives if isinstance(member, Unit) else (),
        )

    def _is_unit(self, member: Unit | Pool, other: str) -> bool:
        return isinstance(self.topology.member(f"{member.host}/{other}"), Unit)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return hashlib.sha256(value.reveal().encode()).hexdigest()
    raise TypeError(f"{type(value).__name__} is not data")
