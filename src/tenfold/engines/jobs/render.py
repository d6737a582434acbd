"""The scheduler's process, from a scene. Pure. It has no files of its own."""

from __future__ import annotations

import json
import shlex
from typing import Any

from tenfold.engines.app_server import PYTHON, release_of, wired
from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import JobSettings, SchedulerSettings


class Jobs:
    """Renders :mod:`tenfold.jobs`, which Tenfold brings along itself."""

    @property
    def name(self) -> str:
        """The name by which topologies call it."""
        return "jobs"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Nothing: two generations of it must not read one file."""
        _settings(member)
        return ()

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """A process in the release's directory and environment, as its jobs are to have them; what
        it is told itself is a variable, which they do not get."""
        settings, place, release = _settings(member), scene.place, release_of(scene)
        ready = f"{place.data}/ready"
        told = {"release": release.id, "jobs": [_told(job) for job in settings.jobs]}
        return Launch(
            argv=(place.binaries["python"], "-I", "-m", "tenfold.jobs", "keep", place.data),
            cwd=release.directory,
            env={
                **PYTHON,
                **release.environment,
                **wired(scene),
                **scene.variables,
                "TENFOLD_JOBS": json.dumps(told),
            },
            prepare=(
                Command(("mkdir", "-p", "-m", "0700", place.data), creates=place.data),
                Command(("rm", "-f", ready), thorough=False),
            ),
            ready=Probe("exec", argv=("test", "-e", ready)),
            stop=Stop(settings.stop_signal, within_seconds=settings.drain_seconds),
        )


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
