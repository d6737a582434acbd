"""The scheduler's process, from a scene. Pure.

Where there is etcd, several hosts may keep the same schedule; how they take turns is a file.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from tenfold.engines.app_server import PYTHON, release_of, wired
from tenfold.engines.etcd.names import AUTHORITY, host_secret
from tenfold.engines.etcd.render import client_url
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import EtcdSettings, JobSettings, SchedulerSettings

TURNS = "turns.json"


class Jobs:
    """Renders :mod:`tenfold.jobs`, which Tenfold brings along itself."""

    @property
    def name(self) -> str:
        """The name by which topologies call it."""
        return "jobs"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """How hosts take turns, where there is etcd. Of one generation it says what it says of the
        next, unless etcd itself has changed; nothing else may be in a file that two read."""
        _settings(member)
        told = _turns(member, scene)
        if told is None:
            return ()
        text = Secret(json.dumps(told, indent=1) + "\n")
        return (File(f"{scene.place.config}/{TURNS}", text, mode=0o600),)

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """A process in the release's directory and environment, as its jobs are to have them; what
        it is told itself is a variable, which they do not get."""
        settings, place, release = _settings(member), scene.place, release_of(scene)
        ready = f"{place.data}/ready"
        told = {"release": release.id, "jobs": [_told(job) for job in settings.jobs]}
        shared = scene.topology.of(EtcdSettings)
        turns = {"TENFOLD_JOBS_TURNS": f"{place.config}/{TURNS}"} if shared else {}
        return Launch(
            argv=(place.binaries["python"], "-I", "-m", "tenfold.jobs", "keep", place.data),
            cwd=release.directory,
            env={
                **PYTHON,
                **release.environment,
                **wired(scene),
                **scene.variables,
                "TENFOLD_JOBS": json.dumps(told),
                **turns,
            },
            prepare=(
                Command(("mkdir", "-p", "-m", "0700", place.data), creates=place.data),
                Command(("rm", "-f", ready), thorough=False),
            ),
            ready=Probe("exec", argv=("test", "-e", ready)),
            stop=Stop(settings.stop_signal, within_seconds=settings.drain_seconds),
        )


def _turns(member: Unit | Pool, scene: Scene) -> dict[str, Any] | None:
    """See :data:`tenfold.jobs.config.TURNS`; ``None`` without etcd."""
    etcd = scene.topology.of(EtcdSettings)
    if not etcd:
        return None
    return {
        "urls": [client_url(m, scene) for m in etcd],
        "prefix": f"/tenfold/{scene.topology.app}/jobs",
        "holder": member.host,
        "authority": scene.secrets[AUTHORITY].reveal(),
        "certificate": scene.secrets[host_secret(member.host)].reveal(),
    }


def _told(job: JobSettings) -> dict[str, Any]:
    return {
        "name": job.name,
        "argv": shlex.split(job.command),
        "every_seconds": job.every_seconds,
        "cron": job.cron,
        "timezone": job.timezone,
        "overlap": job.overlap,
        "missed": job.missed,
        "timeout_seconds": job.timeout_seconds,
        "grace_seconds": job.grace_seconds,
    }


def _settings(member: Unit | Pool) -> SchedulerSettings:
    if not isinstance(member.settings, SchedulerSettings):
        raise TypeError(f"{member.path} runs no jobs")
    return member.settings
