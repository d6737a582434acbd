"""What every engine offers: two pure functions over a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tenfold.secret import Secret
from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.process import File, Launch
from tenfold.wiring.document import Document


@dataclass(frozen=True, slots=True)
class ReleasePlace:
    """A release as it lies on a host: files, the interpreter of its environment, the runtime.

    ``environment`` holds the variables that make a command use it: ``PATH``, ``PYTHONPATH``, ...
    """

    id: str
    directory: str
    python: str
    runtime: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit lives on its host; every path is absolute.

    ``run`` is short (unix socket paths end at 107 bytes) and private to the deployment's user.
    ``assets`` holds the links ``current`` and ``previous`` to the static files of two releases;
    below ``storage`` are the directories of user files, and ``pages`` holds the link ``current`` to
    the pages that are shown as files.
    ``binaries`` maps a program's name to its path.
    """

    config: str
    data: str
    run: str
    logs: str
    assets: str
    address: str
    binaries: Mapping[str, str] = field(default_factory=dict)
    release: ReleasePlace | None = None
    storage: str = ""
    pages: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """All that rendering may look at. ``secrets`` is keyed ``cluster.role``, e.g. ``main.app``.

    ``leaders`` maps a cluster to the path of the unit that leads it: ``{"main": "vm1/postgres"}``.
    Of a cluster with one member it may be silent. ``neighbours`` are the other hosts, by name, of
    which the kernel here can tell what runs, and where a unit of the same name lies there.
    """

    host: Host
    topology: Topology
    wiring: Document
    place: Place
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    instance: str = ""
    variables: Mapping[str, str | Secret] = field(default_factory=dict)
    leaders: Mapping[str, str] = field(default_factory=dict)
    neighbours: Mapping[str, Place] = field(default_factory=dict)


class Engine(Protocol):
    """The pure half of an engine; orders and probes live beside it in ``admin`` and ``probe``."""

    @property
    def name(self) -> str:
        """The name by which topologies call it."""

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Every file that the unit needs."""

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """How its process runs."""
