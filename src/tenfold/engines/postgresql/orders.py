"""Orders that are carried out on a server's host, as commands for its agent. Pure.

``HostAgent.run(fence(unit, scene))`` and so on; a command that fails exits non-zero and says why.
Each of them may be given again at any time.
"""

from __future__ import annotations

from posixpath import join

from tenfold.engines.postgresql.render import server
from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command


def fence(member: Unit | Pool, scene: Scene) -> Command:
    """Have the server start read-only from now on, durably; a running one goes on as it is."""
    return _standby("fence", member, scene)


def follow(member: Unit | Pool, scene: Scene) -> Command:
    """Have the server follow its upstream from its next start on; takes the place of a fence."""
    return _standby("follow", member, scene)


def unfence(member: Unit | Pool, scene: Scene) -> Command:
    """Take a fence away; refused where the server follows, fine where there is none."""
    return _standby("unfence", member, scene)


def disk_state(member: Unit | Pool, scene: Scene) -> Command:
    """Print what the data directory says, for :func:`.disk.parse_disk_state`."""
    controldata = scene.place.binaries["pg_controldata"]
    return _script("disk-state.sh", scene, controldata, server(member, scene).data)


def installation(member: Unit | Pool, scene: Scene) -> Command:
    """Print version, libraries and room, for :func:`.disk.parse_installation`."""
    postgres = scene.place.binaries["postgres"]
    return _script("installation.sh", scene, postgres, server(member, scene).data)


def _standby(order: str, member: Unit | Pool, scene: Scene) -> Command:
    return _script("standby.sh", scene, order, server(member, scene).data)


def _script(name: str, scene: Scene, *arguments: str) -> Command:
    script = join(scene.place.config, name)
    return Command(
        argv=("/bin/sh", script, *arguments), cwd="/", within_seconds=10.0, thorough=False
    )
