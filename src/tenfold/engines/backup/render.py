"""The keeper's files and its process, from a scene. Pure."""

from __future__ import annotations

import hashlib
import json
from posixpath import dirname, join

from tenfold.engines.postgresql.peers import address
from tenfold.engines.postgresql.render import ARCHIVE_SOCKET, pgpass_line, secret
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.state.layout import ENVIRONMENT
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import BackupSettings, DatabaseSettings


class Backup:
    """Renders :mod:`tenfold.backups`, which Tenfold brings along itself."""

    name = "backup"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Its configuration, which has the secrets of the place, and passwords for the server."""
        config = scene.place.config
        told = configuration(member, scene)
        return (
            File(join(config, "keeper.json"), Secret(json.dumps(told, indent=1) + "\n"), 0o600),
            File(join(config, "pgpass"), _pgpass(member, scene), mode=0o600),
        )

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """A process that owns its socket; a change of its configuration starts it again."""
        place = scene.place
        ready = f"{place.data}/ready"
        python = place.binaries["python"]
        return Launch(
            argv=(python, "-I", "-m", "tenfold.backups", "keep", f"{place.config}/keeper.json"),
            cwd=place.config,
            # It rereads nothing: what is rendered anew has to be another launch. The generated
            # passwords are part of this, so nobody can guess a key and compare.
            env={"TENFOLD_CONFIG": _digest(self.render(member, scene))},
            prepare=(Command(("rm", "-f", ready), thorough=False),),
            ready=Probe("exec", argv=("test", "-e", ready)),
            stop=Stop("SIGTERM", within_seconds=5.0),
        )


def _digest(files: tuple[File, ...]) -> str:
    texts = (f.text.reveal() if isinstance(f.text, Secret) else f.text for f in files)
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:16]


def configuration(member: Unit | Pool, scene: Scene) -> dict[str, object]:
    """What the keeper is told, see :class:`tenfold.backups.config.Config`."""
    settings, place = _settings(member), scene.place
    database = _database(settings, scene)
    assert isinstance(database.settings, DatabaseSettings)
    _, port = address(scene.wiring.endpoints[database.path])
    environment = scene.variables.get(ENVIRONMENT)
    return {
        "app": scene.topology.app + (f"-{environment}" if environment else ""),
        "destination": {
            "to": settings.to,
            "endpoint": settings.endpoint,
            "region": settings.region,
            "access_key": _revealed(scene, "access_key") or "",
            "secret_key": _revealed(scene, "secret_key") or "",
            "key": _revealed(scene, "encryption"),
        },
        "every_seconds": settings.every_seconds,
        "keep_seconds": settings.keep_seconds,
        "check_seconds": settings.check_seconds,
        "data": join(dirname(place.data), database.name, "cluster"),
        "sockets": place.run,
        "port": port,
        "superuser": database.settings.superuser,
        "replication": database.settings.replication_role,
        "database": database.settings.database,
        "programs": dirname(place.binaries["postgres"]),
        "passfile": join(place.config, "pgpass"),
        "folder": place.data,
        "socket": join(place.run, ARCHIVE_SOCKET),
        "storage": place.storage,
        "storage_dirs": list(settings.storage),
        "copy_bytes_per_second": settings.copy_bytes_per_second,
    }


def _pgpass(member: Unit | Pool, scene: Scene) -> Secret:
    database = _database(_settings(member), scene)
    assert isinstance(database.settings, DatabaseSettings)
    _, port = address(scene.wiring.endpoints[database.path])
    lines = [
        pgpass_line(scene.place.run, port, user, secret(scene, database.settings, role))
        for role, user in (
            ("superuser", database.settings.superuser),
            ("replication", database.settings.replication_role),
        )
    ]
    return Secret("\n".join(lines) + "\n")


def _database(settings: BackupSettings, scene: Scene) -> Unit:
    """The server beside the keeper."""
    for member in scene.topology.on(scene.host.name):
        found = member.settings
        if isinstance(found, DatabaseSettings) and found.cluster == settings.cluster:
            assert isinstance(member, Unit)
            return member
    raise ValueError(f"there is no database {settings.cluster} on {scene.host.name}")


def _revealed(scene: Scene, name: str) -> str | None:
    found = scene.secrets.get(f"backup.{name}")
    return None if found is None else found.reveal()


def _settings(member: Unit | Pool) -> BackupSettings:
    if not isinstance(member.settings, BackupSettings):
        raise TypeError(f"{member.path} keeps no backups")
    return member.settings
