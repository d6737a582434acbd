"""A PostgreSQL under Patroni: its files and its process, from a scene. Pure.

The server's own configuration is that of the engine ``postgresql``, word for word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from posixpath import dirname, join
from typing import Any, Final

from tenfold.engines.etcd import render as etcd
from tenfold.engines.nginx.text import fill
from tenfold.engines.patroni.dynamic import dynamic
from tenfold.engines.postgresql import render as postgresql
from tenfold.engines.postgresql.conf import postgresql_conf
from tenfold.engines.postgresql.peers import members
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import PatroniSettings

API: Final = ".api"
"""Where Patroni itself is reached: the endpoint of this name behind the unit's path."""
NAMESPACE: Final = "/tenfold/"
PROGRAM: Final = "patroni"
"""What is looked up in ``binaries`` for it: the file that says which version it is of."""
LOCK: Final = "leash.lock"
NOT_STRICT: Final[Mapping[str, Any]] = {"synchronous_mode_strict": False}
"""Of the shared configuration: while nobody follows yet, commits wait for nobody."""
NO_TAGS: Final = "tags: {}\n"


class Patroni:
    """The engine ``patroni``; see :class:`tenfold.engines.protocol.Engine`."""

    name = "patroni"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Patroni's configuration and the leash's; the server's, and who may connect."""
        config, own = scene.place.config, _settings(member)
        sizes = postgresql.sizes(member, scene)
        archive = postgresql.archive_command(scene) if own.archived else None
        server = replace(postgresql.server(member, scene), archive_command=archive)
        return (
            File(join(config, "patroni.yml"), Secret(_patroni_yml(member, scene)), mode=0o600),
            File(join(config, "leash.json"), _leash_json(member, scene), mode=0o600),
            File(join(config, "server.conf"), postgresql_conf(server, sizes, own.major)),
            *postgresql.surroundings(member, scene),
            *etcd.credentials(member, scene),
        )

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """The leash in the foreground, which starts Patroni, which starts PostgreSQL if it does not
        run. Ready when PostgreSQL lets people in; a follower is copied first."""
        settings, place = _settings(member), scene.place
        server = postgresql.server(member, scene)
        python, told = place.binaries["python"], join(place.config, "leash.json")
        asked = (place.binaries["pg_isready"], server.data, server.sockets, str(server.port))
        return Launch(
            argv=(python, "-I", "-m", "tenfold.leash", "keep", told),
            cwd="/",
            # Patroni leaves out where the server's sockets are unless it is to set it.
            env={"PGHOST": server.sockets, "LC_ALL": "C.UTF-8"},
            prepare=(Command(("mkdir", "-p", "-m", "0700", place.data), creates=place.data),),
            ready=Probe(
                "exec",
                argv=("/bin/sh", join(place.config, "ready.sh"), *asked, settings.superuser),
                within_seconds=postgresql.COPY_SECONDS,
                every_seconds=0.1,
            ),
            stop=Stop("SIGTERM", within_seconds=90.0),
            reload="SIGHUP",
            programs=(place.binaries["postgres"], place.binaries[PROGRAM]),
            # Who leads is to step down first, and who follows to be missed by nobody: an upgrade.
            lasts=True,
        )


def shared(member: Unit | Pool, scene: Scene) -> dict[str, Any]:
    """What the whole cluster is configured with, in etcd."""
    settings = _settings(member)
    whole = members(settings.cluster, scene)
    return dynamic(settings, postgresql.sizes(member, scene), len(whole))


def excused(files: tuple[File, ...]) -> tuple[File, ...]:
    """The files of a member for which no commit is to wait, and which is not to be elected."""
    return tuple(replace(f, text=_tagged(f.text)) if f.path.endswith(".yml") else f for f in files)


def _tagged(text: str | Secret) -> Secret:
    plain = text.reveal() if isinstance(text, Secret) else text
    assert NO_TAGS in plain, "the template has its tags at its end"
    return Secret(plain.replace(NO_TAGS, "tags:\n  nosync: true\n  nofailover: true\n"))


def scope(member: Unit | Pool, scene: Scene) -> str:
    """What Patroni calls the cluster, and ``cluster_name`` is: not another one after a takeover."""
    return postgresql.server(member, scene).cluster_name


def prefix(member: Unit | Pool, scene: Scene) -> str:
    """Where Patroni keeps the cluster's state in etcd, with a slash at its end."""
    return f"{NAMESPACE}{scope(member, scene)}/"


def api(member: Unit | Pool, scene: Scene) -> str:
    """``address:port`` of Patroni itself."""
    return scene.wiring.endpoints[member.path + API]


def etcd_urls(member: Unit | Pool, scene: Scene) -> tuple[str, ...]:
    """Where etcd is, the member on the same host first."""
    found = etcd.members(_settings(member).etcd, scene)
    near_first = sorted(found, key=lambda one: one.host != member.host)
    return tuple(etcd.client_url(one, scene) for one in near_first)


def _patroni_yml(member: Unit | Pool, scene: Scene) -> str:
    settings, place = _settings(member), scene.place
    server = postgresql.server(member, scene)

    def password(role: str) -> str:
        return json.dumps(postgresql.secret(scene, settings, role).reveal())

    rate = settings.copy_bytes_per_second // 1024
    values = {
        "SCOPE": json.dumps(scope(member, scene)),
        "NAMESPACE": json.dumps(NAMESPACE),
        "NAME": json.dumps(member.host),
        "API": json.dumps(api(member, scene)),
        "CERTIFICATE": json.dumps(etcd.certificate(scene)),
        "AUTHORITY": json.dumps(etcd.authority(scene)),
        "ETCD": json.dumps([u.removeprefix("https://") for u in etcd_urls(member, scene)]),
        "INITDB": "\n".join(f"    - {option}" for option in _initdb(settings)),
        "LISTEN": json.dumps(scene.wiring.endpoints[member.path]),
        "DATA": json.dumps(server.data),
        "BIN": json.dumps(dirname(place.binaries["postgres"])),
        "CONFIG": json.dumps(place.config),
        "SERVER_CONF": json.dumps(join(place.config, "server.conf")),
        "PGPASS": json.dumps(join(place.data, "pgpass")),
        "SUPERUSER": json.dumps(settings.superuser),
        "SUPERUSER_PASSWORD": password("superuser"),
        "REPLICATION": json.dumps(settings.replication_role),
        "REPLICATION_PASSWORD": password("replication"),
        "REWIND": json.dumps(settings.rewind_role),
        "REWIND_PASSWORD": password("rewind"),
        "MAX_RATE": f"    max-rate: {rate}k" if rate else "",
    }
    template = files(__package__).joinpath("files", "patroni.yml").read_text(encoding="utf-8")
    return fill(template, values)


def _initdb(settings: PatroniSettings) -> Iterator[str]:
    yield "encoding: UTF8"
    yield "data-checksums"
    yield 'wal-segsize: "4"'
    yield "locale: C.UTF-8"
    if settings.major >= postgresql.BUILTIN_LOCALES_SINCE:
        yield "locale-provider: builtin"
        yield "builtin-locale: C.UTF-8"


def _leash_json(member: Unit | Pool, scene: Scene) -> str:
    settings, place = _settings(member), scene.place
    python, yml = place.binaries["python"], join(place.config, "patroni.yml")
    pem = etcd.certificate(scene)
    told = {
        "patroni": [python, "-I", "-m", "patroni", yml],
        "data": postgresql.server(member, scene).data,
        "lock": join(place.data, LOCK),
        "member": member.host,
        "prefix": prefix(member, scene),
        "etcd": list(etcd_urls(member, scene)),
        "api": api(member, scene),
        "tls": {"authority": etcd.authority(scene), "certificate": pem, "key": pem},
        "bounds": {
            "ttl_seconds": settings.ttl_seconds,
            "round_seconds": settings.loop_wait_seconds + settings.retry_timeout_seconds,
        },
        # With the first member alone "strict" would keep every commit waiting, that which makes the
        # others' roles among them: it comes when all are there.
        "dynamic": {**shared(member, scene), **NOT_STRICT},
        "peers": _peers(settings, member, scene),
    }
    return json.dumps(told, indent=1) + "\n"


def _peers(
    settings: PatroniSettings, member: Unit | Pool, scene: Scene
) -> dict[str, dict[str, str]]:
    """The other members of which the kernel here can tell whether they live."""
    found = {}
    for other in members(settings.cluster, scene):
        if other.host != member.host and other.host in scene.neighbours:
            there = scene.neighbours[other.host]
            data = postgresql.server(other, replace(scene, place=there)).data
            found[other.host] = {"data": data, "lock": join(there.data, LOCK)}
    return found


def _settings(member: Unit | Pool) -> PatroniSettings:
    if not isinstance(member.settings, PatroniSettings):
        raise TypeError(f"{member.path} is not under Patroni")
    return member.settings
