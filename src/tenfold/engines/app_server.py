"""What the engines of the app's own servers share: settings file, launcher, environment."""

from __future__ import annotations

from typing import Any

from tenfold.engines.protocol import ReleasePlace, Scene
from tenfold.runtime.package import LAUNCHER
from tenfold.runtime.settings import RunSettings
from tenfold.secret import Secret
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import File, Launch, Probe, Stop
from tenfold.topology.settings import AppSettings
from tenfold.wiring.document import environment

SOCKET = "app"
# The release is immutable: the app may not write byte code into it (a build compiles it ahead).
# Logs go to a pipe, which Python would otherwise buffer by the block.
PYTHON = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def settings_file(member: Unit | Pool, scene: Scene, *, workers: int, **more: Any) -> File:
    """The launcher's settings; nothing in them is secret, yet nobody else need read them.

    ``more`` are settings of :class:`RunSettings` that not every server has.
    """
    settings, release = app(member), release_of(scene)
    told = RunSettings(
        **{
            "server": settings.server,
            "entry": settings.entry,
            "interface": settings.interface,
            "control": control_path(member, scene),
            "release": release.id,
            "workers": workers,
            "threads": settings.threads,
            "drain_seconds": settings.drain_seconds,
            **more,
        }
    )
    return File(settings_path(member, scene), told.to_json(), mode=0o600)


def launch(member: Unit | Pool, scene: Scene) -> Launch:
    """How the app's server runs: the release's interpreter, the launcher, the inherited socket."""
    settings, release = app(member), release_of(scene)
    return Launch(
        argv=(
            release.python,
            f"{release.runtime}/{LAUNCHER}",
            settings_path(member, scene),
            "--fd",
            f"{{fd:{SOCKET}}}",
        ),
        cwd=release.directory,
        env={
            **PYTHON,
            **release.environment,
            **wired(scene),
            **dict(settings.env),
            **scene.variables,
        },
        sockets=(SOCKET,),
        control=control_path(member, scene),
        ready=Probe(
            kind="control",
            path=settings.health,
            below=settings.health_below,
            within_seconds=settings.ready_seconds,
        ),
        stop=Stop("SIGTERM", within_seconds=settings.drain_seconds),
    )


def control_path(member: Unit | Pool, scene: Scene) -> str:
    """Where the process answers to its agent."""
    return f"{scene.place.run}/{scene.instance or member.name}.sock"


def settings_path(member: Unit | Pool, scene: Scene) -> str:
    """Where its settings lie."""
    return f"{scene.place.config}/{scene.instance or member.name}.json"


def wired(scene: Scene) -> dict[str, str | Secret]:
    """The wiring as environment variables; those that hold a password are secrets."""
    names = [*scene.wiring.databases, *(["redis"] if scene.wiring.redis else [])]
    passwords = {name: scene.secrets[f"{name}.app"].reveal() for name in names}
    without = environment(scene.wiring, dict.fromkeys(names, ""))
    return {
        name: value if value == without[name] else Secret(value)
        for name, value in environment(scene.wiring, passwords).items()
    }


def app(member: Unit | Pool) -> AppSettings:
    """The member's settings.

    Raises:
        TypeError: it is something else than an app.
    """
    if not isinstance(member.settings, AppSettings):
        raise TypeError(f"{member.path} is not an app")
    return member.settings


def release_of(scene: Scene) -> ReleasePlace:
    """The release that the member serves. Raises ``ValueError`` if there is none."""
    if scene.place.release is None:
        raise ValueError(f"no release lies on {scene.host.name}")
    return scene.place.release
