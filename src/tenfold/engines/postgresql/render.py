"""Files and launch of a PostgreSQL unit. Pure: scene in, files out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from posixpath import join

from tenfold.engines.postgresql.conf import OLDEST_MAJOR, Server, postgresql_conf
from tenfold.engines.postgresql.hba import networks, pg_hba_conf
from tenfold.engines.postgresql.peers import (
    address,
    members,
    origin,
    origin_text,
    others,
    upstream,
)
from tenfold.engines.postgresql.sizing import DEDICATED_HOST, SHARED_HOST, Sizing, sizing
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import (
    DatabaseSettings,
    EdgeSettings,
    EtcdSettings,
    PatroniSettings,
)

BUILTIN_LOCALES_SINCE = 17
"""The first major version with collations of its own, which no library update changes."""

COPY_SECONDS = 86_400.0
"""How long making or copying the data may take; a large database takes hours over a network."""

ARCHIVE = "archive.py"
ARCHIVE_SOCKET = "backup.sock"
"""Where the keeper of backups on the same host takes orders, in the host's directory of sockets."""

_UNLESS_FENCED = (
    's=; [ ! -e standby.signal ] || read -r s <standby.signal; [ "$s" != fenced ] || exit 143;'
)
"""Users wait for a server that is fenced to stop: the shell itself knows that, without a Python."""

COMMON_SCRIPTS = ("ready.sh", "disk-state.sh", "installation.sh", "copy.sh")
_SCRIPTS = ("initialise.sh", "before-start.sh", "standby.sh", "trial.sh", *COMMON_SCRIPTS)


class PostgreSQL:
    """The engine ``postgresql``; see :class:`tenfold.engines.protocol.Engine`."""

    name = "postgresql"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Configuration, the scripts around the server, and a password file for psql and peers.

        A peer that comes or goes changes files that a running server rereads, and no launch.

        Raises:
            ValueError: the cluster has several members, but ``scene.leaders`` no leader for it.
        """
        settings = _settings(member)
        config = scene.place.config
        here = replace(
            server(member, scene),
            upstream=upstream(member, scene),
            archive_command=archive_command(scene) if settings.archived else None,
        )
        return (
            File(
                join(config, "postgresql.conf"),
                postgresql_conf(here, sizes(member, scene), settings.major),
            ),
            File(join(config, "origin"), origin_text(origin(member, scene))),
            *surroundings(member, scene, _SCRIPTS),
        )

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """Make or copy the data if there is none, clear what a killed predecessor left, serve."""
        settings = _settings(member)
        here = server(member, scene)
        programs, config = scene.place.binaries, scene.place.config
        asked = (programs["pg_isready"], here.data, here.sockets, str(here.port))
        return Launch(
            argv=(
                programs["postgres"],
                *("-D", here.data),
                *("-c", f"config_file={join(config, 'postgresql.conf')}"),
            ),
            cwd="/",
            prepare=(_initialise(settings, scene, here), _before_start(scene, here)),
            # After a crash the log is replayed first, which may take minutes; a server that cannot
            # start exits by itself. On a leader "accepting" means writes too.
            ready=Probe(
                "exec",
                argv=("/bin/sh", join(config, "ready.sh"), *asked, settings.superuser),
                within_seconds=600.0,
            ),
            # "Fast": ends sessions, writes a checkpoint. A kill instead would be safe, but slow to
            # come back from.
            stop=Stop("SIGINT", within_seconds=60.0),
            reload="SIGHUP",
        )


def surroundings(
    member: Unit | Pool, scene: Scene, scripts: Iterable[str] = COMMON_SCRIPTS
) -> tuple[File, ...]:
    """What a server needs beside its ``postgresql.conf``, whoever leads: who may connect, passwords
    for psql and peers, scripts."""
    settings, config = _settings(member), scene.place.config
    clients = networks(_clients(scene))
    archives = (ARCHIVE,) if settings.archived else ()
    return (
        File(join(config, "pg_hba.conf"), pg_hba_conf(settings, clients)),
        File(join(config, "pg_ident.conf"), "# No user names are mapped.\n"),
        File(join(config, "pgpass"), _pgpass(member, scene), mode=0o600),
        *(File(join(config, n), _script(n), mode=0o755) for n in (*archives, *scripts)),
    )


def server(member: Unit | Pool, scene: Scene) -> Server:
    """Where this unit lives and listens; whom it would follow is no part of that."""
    settings = _settings(member)
    host, port = address(scene.wiring.endpoints[member.path])
    return Server(
        cluster_name=f"{scene.topology.app}/{settings.cluster}",
        data=join(scene.place.data, "cluster"),
        hba=join(scene.place.config, "pg_hba.conf"),
        ident=join(scene.place.config, "pg_ident.conf"),
        sockets=scene.place.run,
        address=host,
        port=port,
    )


def sizes(member: Unit | Pool, scene: Scene) -> Sizing:
    """What depends on the size of the host, such that every member could follow every other."""
    cluster = members(_settings(member).cluster, scene)
    hosts = [scene.topology.host(m.host) for m in cluster]
    return sizing(
        scene.host.memory_bytes,
        scene.host.cores,
        share=_share(scene),
        most_cores=max(host.cores for host in hosts),
    )


def secret(scene: Scene, settings: DatabaseSettings, role: str) -> Secret:
    """A role's password; ``role`` is one of :func:`roles`."""
    return scene.secrets[f"{settings.cluster}.{role}"]


def roles(settings: DatabaseSettings) -> Mapping[str, str]:
    """The roles' names by what they are for."""
    monitor = {} if settings.monitor_role is None else {"monitor": settings.monitor_role}
    rewind = {"rewind": settings.rewind_role} if isinstance(settings, PatroniSettings) else {}
    return {
        "superuser": settings.superuser,
        "owner": settings.owner_role,
        "app": settings.app_role,
        "replication": settings.replication_role,
        **monitor,
        **rewind,
    }


def archive_command(scene: Scene) -> str:
    """How the server has a segment of its log archived, by the keeper on the same host."""
    words = (
        *(scene.place.binaries["python"], "-I", "-S", join(scene.place.config, ARCHIVE)),
        join(scene.place.run, ARCHIVE_SOCKET),
    )
    # PostgreSQL puts the file's path in the place of %p, and one % in that of two.
    ask = " ".join(shlex.quote(word).replace("%", "%%") for word in words) + ' "%p"'
    return f"{_UNLESS_FENCED} exec {ask}"


def _initialise(settings: DatabaseSettings, scene: Scene, here: Server) -> Command:
    # LC_CTYPE must not be C: pg_trgm would drop every letter that is not ASCII.
    options = ["--locale=C.UTF-8"]
    if settings.major >= BUILTIN_LOCALES_SINCE:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return Command(
        argv=(
            "/bin/sh",
            join(scene.place.config, "initialise.sh"),
            *(scene.place.binaries["initdb"], here.data, settings.superuser),
            *options,
        ),
        env={"TENFOLD_SUPERUSER_PASSWORD": secret(scene, settings, "superuser")},
        creates=join(here.data, "PG_VERSION"),
        within_seconds=COPY_SECONDS,
    )


def _before_start(scene: Scene, here: Server) -> Command:
    lock = join(here.sockets, f".s.PGSQL.{here.port}.lock")
    return Command(
        argv=("/bin/sh", join(scene.place.config, "before-start.sh"), here.data, lock),
        within_seconds=30.0,
    )


def _pgpass(member: Unit | Pool, scene: Scene) -> Secret:
    settings = _settings(member)
    here = server(member, scene)
    lines = ["# PGPASSFILE of psql and its kin for this server: host:port:database:user:password"]
    for host in (here.sockets, here.address):
        for role, user in roles(settings).items():
            if role in ("monitor", "rewind"):
                continue  # Whoever watches, or rewinds, has its password elsewhere.
            lines.append(pgpass_line(host, here.port, user, secret(scene, settings, role)))
    for peer in others(member, scene):
        password = secret(scene, settings, "replication")
        peer_host, peer_port = address(scene.wiring.endpoints[peer.path])
        lines.append(pgpass_line(peer_host, peer_port, settings.replication_role, password))
    return Secret("\n".join(lines) + "\n")


def pgpass_line(host: str, port: int, user: str, password: Secret) -> str:
    """A line of a password file, for all databases of a server."""
    return ":".join(_escape(f) for f in (host, str(port), "*", user, password.reveal()))


def _escape(field: str) -> str:
    return field.replace("\\", "\\\\").replace(":", "\\:")


def _clients(scene: Scene) -> tuple[str, ...]:
    # Everybody who has an endpoint but the edge, whose is a public one: it talks to no database.
    return tuple(
        scene.wiring.endpoints[m.path]
        for m in scene.topology.members()
        if m.path in scene.wiring.endpoints and not isinstance(m.settings, EdgeSettings)
    )


def _share(scene: Scene) -> float:
    # etcd is small, and must not change what takes a restart.
    alone = all(
        isinstance(m.settings, DatabaseSettings | EtcdSettings)
        for m in scene.topology.on(scene.host.name)
    )
    return DEDICATED_HOST if alone else SHARED_HOST


def _settings(member: Unit | Pool) -> DatabaseSettings:
    settings = member.settings
    assert isinstance(settings, DatabaseSettings)
    if settings.major < OLDEST_MAJOR:
        raise ValueError(f"PostgreSQL {settings.major} is older than {OLDEST_MAJOR}")
    return settings


def _script(name: str) -> str:
    return files(__package__).joinpath(name).read_text()
