"""Everything that effects act on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from tenfold.engines.protocol import ReleasePlace
from tenfold.secret import Secret
from tenfold.targets.protocol import HostAgent, Target
from tenfold.topology.process import Command
from tenfold.topology.settings import DatabaseSettings
from tenfold.transitions.blueprint import Blueprint
from tenfold.transitions.crossing import Terms
from tenfold.transitions.journal import Journal
from tenfold.transitions.perform.evidence import Evidence
from tenfold.transitions.perform.resting import Renewals
from tenfold.transitions.perform.sessions import Sessions
from tenfold.transitions.wire import listens
from tenfold.wiring.document import environment

Tell = Callable[[str], None]


class Releases(Protocol):
    """What performing needs of the releases, wherever they are kept."""

    def build(self, release: str, tell: Tell) -> None:
        """Make the release; fine if it is there already."""

    def place(self, release: str) -> ReleasePlace:
        """Where a built release lies."""

    def publish(self, release: str, hosts: Mapping[str, str]) -> None:
        """Have ``assets/current`` on these hosts (name -> root) show the release's static files."""

    def keep(self, directory: str, tell: Tell) -> None:
        """Have the directory outlive releases, with what project and releases have in it."""

    def collect(self) -> None:
        """Have what releases wrote into kept directories of their own where all look for it."""

    def record_served(self, release: str) -> None:
        """Remember, durably, that this release serves from now on."""

    def prune(self, keep: int, needed: frozenset[str]) -> None:
        """Remove all but the newest ``keep`` and the needed ones."""


class Pages(Protocol):
    """What performing needs of the pages that are shown as files."""

    def make(
        self,
        id: str,
        release: str | None,
        variables: Mapping[str, str | Secret] | None,
        tell: Tell,
    ) -> None:
        """Make the pages, of a release with its ``variables`` or of the project as it is."""

    def show(self, id: str, hosts: Mapping[str, str]) -> None:
        """Have ``pages/current`` on these hosts (name -> root) lead to the pages of this id."""

    def prune(self, kept: Collection[str]) -> None:
        """Remove all but these."""

    def published(self, id: str) -> Iterable[str]:
        """The paths at which the pages of this id are found, those of static files not."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that effects act on.

    ``care`` is where Patroni and etcd are, on the way between stage 100 and 1k.
    """

    blueprint: Blueprint
    target: Target
    journal: Journal
    releases: Releases
    migrate_seconds: float = 600.0
    sessions: Sessions = field(default_factory=Sessions)
    evidence: Evidence = field(default_factory=Evidence)
    terms: Terms = field(default_factory=Terms)
    renewals: Renewals = field(default_factory=Renewals)
    pages: Pages | None = None
    care: Blueprint | None = None

    def agent(self, host: str) -> HostAgent:
        """The host's agent; started if it does not run. Also of a host that is about to leave."""
        known = (b.topology for b in (self.blueprint, self.care) if b is not None)
        found = next((h for topology in known for h in topology.hosts if h.name == host), None)
        return self.target.ensure(found or self.blueprint.topology.host(host))

    def placed(self, release: str) -> Blueprint:
        """The blueprint with a built release in its place."""
        return replace(self.blueprint, release=self.releases.place(release))

    def own_sockets(self, host: str) -> HostAgent:
        """The host's agent, owning the listening sockets that the topology gives it."""
        agent = self.agent(host)
        address = self.blueprint.hosts[host].address
        agent.listen(listens(self.blueprint.topology, host, address))
        return agent


def one_off(blueprint: Blueprint, argv: list[str], *, owner: bool = False) -> Command:
    """A command in the app's release and environment; as the schema's owner for migrations."""
    release = blueprint.release
    assert release is not None
    secrets: dict[str, str | Secret] = {}
    document = blueprint.document
    for member in blueprint.topology.of(DatabaseSettings):
        settings = member.settings
        assert isinstance(settings, DatabaseSettings)
        separate = owner and settings.separate_owner
        role, user = ("owner", settings.owner_role) if separate else ("app", settings.app_role)
        cluster = settings.cluster
        databases = {**document.databases, cluster: replace(document.databases[cluster], user=user)}
        document = replace(document, databases=databases)
        secrets[cluster] = blueprint.secrets[f"{cluster}.{role}"]
    if document.redis is not None:
        secrets["redis"] = blueprint.secrets["redis.app"]
    plain = {name: s.reveal() if isinstance(s, Secret) else s for name, s in secrets.items()}
    wired = {
        key: Secret(value) if key.startswith(("DATABASE_URL", "REDIS_URL")) else value
        for key, value in environment(document, plain).items()
    }
    return Command(
        argv=tuple(argv),
        env={
            **release.environment,
            "PYTHONUNBUFFERED": "1",
            **wired,
            **blueprint.variables,
        },
        cwd=release.directory,
    )
