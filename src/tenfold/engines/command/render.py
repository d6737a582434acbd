"""How a server that is started by a command line runs, and the door in front of it."""

from __future__ import annotations

from importlib.resources import files

from tenfold.engines import app_server
from tenfold.engines.protocol import Scene
from tenfold.runtime.servers import COMMAND
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import File, Launch

# Above the seconds for which any server keeps an idle connection, and far below granian's 30 s.
KEPT = "        keepalive 64;\n        keepalive_requests 100000;\n        keepalive_timeout 2s;"


class Command:
    """The user's own command, started and watched by :mod:`tenfold.runtime`.

    Nothing is known of when it closes a connection, so none is kept between door and program.
    """

    name = "command"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """The door's configuration and the settings file."""
        settings = app_server.app(member)
        return files_of(
            member, scene, settings.command, instances=settings.workers, keeps_connections=False
        )

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """The process that watches it: warm when it listens, accepting when its agent says so."""
        return app_server.launch(member, scene)


def files_of(
    member: Unit | Pool,
    scene: Scene,
    command: tuple[str, ...],
    *,
    instances: int,
    keeps_connections: bool,
    listeners: int = 1,
) -> tuple[File, ...]:
    """What a command behind a door needs.

    Args:
        member: an app.
        scene: where it runs.
        command: in words; ``{host}`` and ``{port}`` are replaced where it is started.
        instances: how often it runs at once.
        keeps_connections: whether the door may send several requests on one connection.
        listeners: how many sockets listen at its port when it is ready.
    """
    settings = app_server.app(member)
    path = f"{scene.place.config}/{scene.instance or member.name}.door.conf"
    door = door_text(scene.topology.app, many=instances > 1, keeps_connections=keeps_connections)
    told = app_server.settings_file(
        member,
        scene,
        workers=instances,
        server=COMMAND,
        command=command,
        listeners=listeners,
        ready_seconds=settings.ready_seconds,
        nginx=scene.place.binaries["nginx"],
        door=path,
    )
    return (File(path, door), told)


def door_text(app: str, *, many: bool, keeps_connections: bool) -> str:
    """The door's configuration, with the names that are filled in where it runs."""
    text = files(__package__).joinpath("door.conf").read_text("utf-8")
    values = {
        "APP": app,
        "KEPT": KEPT if keeps_connections else "",
        "CONNECTION": '""' if keeps_connections else "close",
        "AGAIN": "error" if many else "off",
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text
