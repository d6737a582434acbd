"""An engine for tests of whatever stands above engines: one file, one command, no meaning."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import File, Launch, Probe
from tenfold.topology.settings import AppSettings, EdgeSettings


@dataclass(frozen=True)
class Plain:
    """Renders what it was told, so that a change of settings shows."""

    name: str

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        return (File(f"{scene.place.config}/{scene.instance}.conf", repr(member.settings)),)

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        release = scene.place.release
        sockets = {AppSettings: ("app",), EdgeSettings: ("public",)}.get(type(member.settings), ())
        return Launch(
            argv=(self.name, scene.instance),
            cwd=release.directory if release else "/",
            ready=Probe("exec", ("true",)),
            env={"RELEASE": release.id if release else ""},
            sockets=sockets,
            reload="SIGHUP",
        )
