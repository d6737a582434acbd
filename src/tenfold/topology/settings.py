"""What the units of each kind are told to do: typed, frozen, free of addresses and of secrets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Base of all settings."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings(Settings):
    """A PostgreSQL cluster.

    With ``separate_owner`` migrations run as the owner role and the app's role has no DDL; without
    it the app's role owns its schema, so that an app that creates its tables itself works.
    ``major`` is PostgreSQL's major version, which is pinned for the life of the data. ``node``
    numbers the cluster's data directories, each for its whole life: with whoever it follows, the
    replication slot ``tenfold_NODE`` is its own. ``copy_bytes_per_second`` bounds how fast it is
    copied from its leader; 0 does not. ``archived``: its log goes to the keeper of backups on the
    same host.
    ``monitor_role`` may read statistics and nothing else, where somebody does.
    """

    database: str
    cluster: str = "main"
    owner_role: str = "tenfold_owner"
    app_role: str = "tenfold_app"
    replication_role: str = "tenfold_replication"
    monitor_role: str | None = None
    superuser: str = "postgres"
    separate_owner: bool = False
    major: int = 18
    node: int = 1
    copy_bytes_per_second: int = 0
    archived: bool = False


@dataclass(frozen=True, slots=True)
class PatroniSettings(DatabaseSettings):
    """A PostgreSQL cluster whose members Patroni keeps: it elects another leader when one dies.

    ``etcd`` names the etcd cluster that holds its state. A leader keeps its lease for
    ``ttl_seconds`` without renewing it; Patroni looks every ``loop_wait_seconds`` and gives up on
    etcd after ``retry_timeout_seconds``. How long a leader's PostgreSQL may take to come back
    before another member is elected is ``primary_start_timeout_seconds``: 0 elects at once.
    With ``synchronous`` a commit waits for as many other members as ``synchronous_nodes``, whoever
    they are (quorum commit); where there is no other member it waits for nobody, unless ``strict``.
    ``rewind_role`` reads a leader's files for a former one whose log went its own way.
    ``kept_slots`` are the nodes of data directories that follow without being members: Patroni
    keeps their slots, and gives them to whoever leads. The sum of loop wait and twice the retry
    timeout may not exceed the lease, see Patroni's documentation of its dynamic configuration.
    """

    etcd: str = "main"
    ttl_seconds: int = 20
    loop_wait_seconds: int = 1
    retry_timeout_seconds: int = 3
    primary_start_timeout_seconds: int = 0
    synchronous: bool = True
    synchronous_nodes: int = 1
    strict: bool = False
    rewind_role: str = "tenfold_rewind"
    kept_slots: tuple[int, ...] = ()

    @property
    def scope(self) -> str:
        """What Patroni calls the cluster."""
        return self.cluster


@dataclass(frozen=True, slots=True)
class EtcdSettings(Settings):
    """A member of an etcd cluster, which is named after its host.

    A member that hears nothing from its leader for ``election_milliseconds`` wants another one; the
    leader lets itself be heard every ``heartbeat_milliseconds``. ``quota_bytes`` bounds the data;
    ``keep_seconds`` is how long old revisions stay.
    """

    cluster: str = "main"
    heartbeat_milliseconds: int = 100
    election_milliseconds: int = 1000
    quota_bytes: int = 512 << 20
    keep_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class BackupSettings(Settings):
    """The keeper of backups beside a database server.

    ``to`` is a directory or ``s3://bucket/prefix``; ``endpoint`` and ``region`` are those of an S3
    server. Who we are there is among the secrets, as ``backup.access_key`` and
    ``backup.secret_key``; where the copies are ``encrypted``, ``backup.encryption`` is the key.
    ``storage`` are the directories of user files that go along.
    """

    to: str
    every_seconds: float
    keep_seconds: float
    cluster: str = "main"
    endpoint: str | None = None
    region: str = "us-east-1"
    encrypted: bool = False
    storage: tuple[str, ...] = ()
    check_seconds: float | None = None
    copy_bytes_per_second: int = 0


@dataclass(frozen=True, slots=True)
class EndpointSettings(Settings):
    """A stable address on the app's own host, relayed to whichever server leads ``cluster``."""

    cluster: str = "main"


@dataclass(frozen=True, slots=True)
class FailoverSettings(Settings):
    """Who has the database endpoint ``endpoint`` on the same host follow the leader of ``cluster``,
    and requests wait while there is none, for ``hold_seconds`` at the most.

    A leader that says nothing is waited for after ``silence_seconds``, and not left.
    """

    cluster: str = "main"
    endpoint: str = "database"
    silence_seconds: float = 2.0
    hold_seconds: float = 40.0


@dataclass(frozen=True, slots=True)
class RedisSettings(Settings):
    """A Redis-compatible server.

    ``policy`` is what happens at ``max_memory_bytes``; ``persistence`` is ``aof``, ``snapshot`` or
    ``none``.
    """

    max_memory_bytes: int = 100_000_000
    policy: str = "noeviction"
    persistence: str = "aof"


@dataclass(frozen=True, slots=True)
class Asset:
    """A URL prefix served from a directory of the release or of user files, without the app."""

    url: str
    directory: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """One whole path that leads to another, or to a URL."""

    path: str
    target: str
    status: int = 308


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS on a port of its own; plain requests are sent there.

    ``certificates`` names the unit on the same host that keeps the certificate; without one it is
    among the secrets, as ``edge.certificate``: chain and key as one PEM text.
    """

    port: int
    hsts_seconds: int = 0
    certificates: str | None = None


@dataclass(frozen=True, slots=True)
class EdgeSettings(Settings):
    """The reverse proxy in front: TLS, static files, buffering, limits.

    ``health`` is the path at which others than visitors ask for the app: it answers during
    maintenance, too.
    ``stored`` are directories of user files, relative to where those lie.

    With ``pages`` the pages that are shown as files go before the app's; without an ``upstream``
    there is nothing else.

    Without an ``address`` it listens at that of its host. Without ``names`` every name is served.
    ``aliases`` are pairs: a name, and the one to which it redirects. The password of each of
    ``users`` is among the secrets, as ``edge.user.NAME``.
    """

    address: str | None = "127.0.0.1"
    port: int = 8000
    upstream: str | None = "app"
    pages: bool = False
    assets: tuple[Asset, ...] = ()
    stored: tuple[Asset, ...] = ()
    max_body_bytes: int = 100 << 20
    hold_seconds: float = 15.0
    request_seconds: float = 60.0
    health: str | None = None
    names: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    users: tuple[str, ...] = ()
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class CertificateSettings(Settings):
    """The keeper of the edge's certificate.

    ``names`` are all that must be in it, the site's own first; ``directory`` is the URL of the
    authority. With ``own_roots``, whom to trust as its server is among the secrets: PEM, as
    ``edge.acme_ca``.
    """

    names: tuple[str, ...]
    directory: str
    email: str = ""
    own_roots: bool = False


@dataclass(frozen=True, slots=True)
class AlertSettings(Settings):
    """Who is told: a ``command`` in words, and with ``webhook`` whoever is among the secrets as
    ``alerts.webhook``."""

    webhook: bool = False
    command: tuple[str, ...] = ()
    disk_free_percent: float = 10.0
    error_percent: float = 5.0


@dataclass(frozen=True, slots=True)
class MetricsSettings(Settings):
    """Who gathers the site's figures. ``port`` is that of ``/metrics`` on loopback; 0 is any."""

    port: int = 0
    alerts: AlertSettings | None = None


@dataclass(frozen=True, slots=True)
class AppSettings(Settings):
    """The app's own server.

    ``entry`` is ``module:attribute``; ``interface`` is ``asgi`` or ``wsgi``. A server of the user's
    own has a ``command``, in words, and neither of them. ``threads`` 0 leaves their number to the
    server. ``drain_seconds`` bounds how long old workers may finish their requests.
    """

    entry: str
    interface: str
    server: str
    workers: int = 1
    threads: int = 1
    health: str = "/"
    health_below: int = 500
    ready_seconds: float = 20.0
    drain_seconds: float = 60.0
    command: tuple[str, ...] = ()
    max_body_bytes: int = 100_000_000
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerSettings(Settings):
    """A background worker: a long-running command of the release.

    ``kind`` is what the command was recognised as. ``single``: never two at once, so the old one
    ends before the new one starts. ``stop_signal`` tells it to finish its jobs and end, for which
    it has ``drain_seconds``; ``steady_seconds`` is how long it has to run to count as started.
    """

    command: str
    kind: str = "command"
    stop_signal: str = "SIGTERM"
    single: bool = True
    drain_seconds: float = 60.0
    steady_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class JobSettings:
    """A command that runs at its times: every so many seconds since the epoch, or by a line of
    cron in a time zone. ``missed`` is ``run-once`` or ``skip``."""

    name: str
    command: str
    every_seconds: float | None = None
    cron: str | None = None
    timezone: str = "UTC"
    overlap: bool = False
    missed: str = "run-once"
    timeout_seconds: float = 3600.0
    grace_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class SchedulerSettings(WorkerSettings):
    """Whoever runs the jobs: a background worker of which there is one. It is told to finish like
    any other, begins no job then, and ends when those that run have ended."""

    jobs: tuple[JobSettings, ...] = ()
