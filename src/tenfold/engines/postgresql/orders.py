"""Orders that are carried out on a server's host, as commands for its agent. Pure.

``HostAgent.run(fence(unit, scene))`` and so on; a command that fails exits non-zero and says why.
Each of them may be given again at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from posixpath import join

from tenfold.engines.postgresql.render import server
from tenfold.engines.protocol import Scene
from tenfold.priority import NICE
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command

TRIAL_SECONDS = 60.0
"""How long a trial may take on a machine that is busy with other things."""


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


def copy(
    scene: Scene, directory: str, source: str, *, kilobytes_per_second: int, within_seconds: float
) -> Command:
    """Copy a running server into a directory that is not there yet, as a follower is copied.

    Args:
        scene: where the copy will be.
        directory: the new data directory.
        source: how to reach the server, for libpq; without a password.
        kilobytes_per_second: at most; 0 does not bound it.
        within_seconds: in which it has to be done.
    """
    program = scene.place.binaries["pg_basebackup"]
    made = _script("copy.sh", scene, program, directory, source, str(kilobytes_per_second))
    return replace(made, within_seconds=within_seconds, thorough=True)


def stand_back(pids: Sequence[int]) -> Command:
    """Have backends work only while nobody else wants to; never fails. See :mod:`tenfold.priority`.

    PostgreSQL gives each backend a session of its own.
    """
    script = (
        f'for pid in "$@"; do renice -n {NICE} -p "$pid" >/dev/null 2>&1;'
        f' {{ echo {NICE} >"/proc/$pid/autogroup"; }} 2>/dev/null; done; true'
    )
    return Command(
        argv=("/bin/sh", "-c", script, "sh", *map(str, pids)),
        cwd="/",
        within_seconds=10.0,
        thorough=False,
    )


def trial(member: Unit | Pool, scene: Scene) -> Command:
    """Measure what a change of leaders takes on this host, with a server of its own that is gone
    afterwards, for :func:`.trial.parse_trial`; takes some two seconds."""
    here, postgres = server(member, scene), scene.place.binaries["postgres"]
    command = _script("trial.sh", scene, postgres, here.data, here.sockets)
    return replace(command, within_seconds=TRIAL_SECONDS, thorough=True)


def _standby(order: str, member: Unit | Pool, scene: Scene) -> Command:
    return _script("standby.sh", scene, order, server(member, scene).data)


def _script(name: str, scene: Scene, *arguments: str) -> Command:
    script = join(scene.place.config, name)
    return Command(
        argv=("/bin/sh", script, *arguments), cwd="/", within_seconds=10.0, thorough=False
    )
