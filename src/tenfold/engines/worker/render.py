"""A background worker: its process, from a scene. Pure. It has no files of its own."""

from __future__ import annotations

import shlex
from posixpath import join
from typing import Final

from tenfold.engines.app_server import PYTHON, wired
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import WorkerSettings

GRACE_SECONDS: Final = 20.0
"""How much longer than it has to be steady it may take until it is ready."""


class Worker:
    """Runs a command of the release."""

    @property
    def name(self) -> str:
        """The name by which topologies call it."""
        return "worker"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Nothing: it is wired by its environment."""
        _settings(member)
        return ()

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """The command in the release's directory and environment, wired like the app.

        Ready is who has run for a while: no queue's worker says when it listens.
        """
        settings, place = _settings(member), scene.place
        if place.release is None:
            raise ValueError(f"no release lies on {scene.host.name}")
        return Launch(
            argv=argv(settings, scene),
            cwd=place.release.directory,
            env={**PYTHON, **place.release.environment, **_wired(settings, scene)},
            prepare=(Command(("mkdir", "-p", "-m", "0700", place.data), creates=place.data),),
            ready=Probe(
                "steady",
                steady_seconds=settings.steady_seconds,
                within_seconds=settings.steady_seconds + GRACE_SECONDS,
                every_seconds=0.1,
            ),
            stop=Stop(settings.stop_signal, within_seconds=settings.drain_seconds),
        )


def argv(settings: WorkerSettings, scene: Scene) -> tuple[str, ...]:
    """The command's words; Celery gets what it would otherwise put into the release, or share.

    Two workers of one name are taken for one by Celery's own tools; beat keeps its place in the
    schedule in a file, which has to outlive the release.
    """
    words = tuple(shlex.split(settings.command))
    if not settings.kind.startswith("celery"):
        return words
    if settings.kind != "celery beat" and not _has(words, "-n", "--hostname"):
        words += ("--hostname", f"{scene.instance}@%h")
    if "beat" in settings.kind and not _has(words, "-s", "--schedule", "--schedule-filename"):
        words += ("--schedule", join(scene.place.data, "celerybeat-schedule"))
    return words


def _has(words: tuple[str, ...], *options: str) -> bool:
    return any(word in options or word.partition("=")[0] in options for word in words)


def _wired(settings: WorkerSettings, scene: Scene) -> dict[str, str | Secret]:
    """The app's wiring, and the name under which RQ's command looks for it."""
    found: dict[str, str | Secret] = {**wired(scene), **scene.variables}
    if settings.kind.startswith("rq") and "REDIS_URL" in found:
        found.setdefault("RQ_REDIS_URL", found["REDIS_URL"])
    return {**found, "TENFOLD_DATA": scene.place.data}


def _settings(member: Unit | Pool) -> WorkerSettings:
    if not isinstance(member.settings, WorkerSettings):
        raise TypeError(f"{member.path} is no worker")
    return member.settings
