"""What the scheduler is told, as the engine ``jobs`` puts it into its environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.jobs.schedule import Missed, Schedule

if TYPE_CHECKING:
    from tenfold.etcd import Access

VARIABLE = "TENFOLD_JOBS"
"""Holds all of it, as JSON; jobs do not get it."""
TURNS = "TENFOLD_JOBS_TURNS"
"""The path of a file of mode 0600 that says, as JSON, how several hosts take turns: ``urls`` of
etcd, ``prefix``, ``holder``, the PEM texts ``authority`` and ``certificate``. A file, so that no
key is in an environment, which processes inherit and tools print. Jobs do not get the variable.
Without it there is one host."""
LEASE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Job:
    """One job. ``argv`` is run in the scheduler's own directory and environment."""

    name: str
    argv: tuple[str, ...]
    schedule: Schedule
    overlap: bool
    missed: Missed
    timeout_seconds: float
    grace_seconds: float

    def to_json(self) -> dict[str, Any]:
        """As data, for the book and for people; what :func:`from_json` takes."""
        return {
            "name": self.name,
            "argv": list(self.argv),
            "every_seconds": self.schedule.every_seconds,
            "cron": self.schedule.cron,
            "timezone": self.schedule.timezone,
            "overlap": self.overlap,
            "missed": self.missed,
            "timeout_seconds": self.timeout_seconds,
            "grace_seconds": self.grace_seconds,
        }


@dataclass(frozen=True, slots=True)
class Config:
    """All jobs of a release."""

    release: str
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Turns:
    """How several hosts take turns: by a lease of so many ``seconds`` in etcd, below ``prefix``;
    ``holder`` is this host."""

    access: Access
    prefix: str
    holder: str
    seconds: int = LEASE_SECONDS


def from_json(data: Mapping[str, Any]) -> Job:
    """What :meth:`Job.to_json` gave. Raises ``KeyError``, ``ValueError``."""
    return Job(
        name=data["name"],
        argv=tuple(data["argv"]),
        schedule=Schedule(data["every_seconds"], data["cron"], data["timezone"]),
        overlap=data["overlap"],
        missed=data["missed"],
        timeout_seconds=float(data["timeout_seconds"]),
        grace_seconds=float(data["grace_seconds"]),
    )


def read(environ: Mapping[str, str]) -> Config:
    """The configuration in an environment. Raises ``KeyError``, ``ValueError``."""
    data = json.loads(environ[VARIABLE])
    return Config(data["release"], tuple(from_json(job) for job in data["jobs"]))


def read_turns(environ: Mapping[str, str]) -> Turns | None:
    """How this host takes turns with others, if it does.

    Raises:
        OSError, KeyError, ValueError: the file cannot be read, is open to others, or says less.
    """
    if TURNS not in environ:
        return None
    from tenfold.etcd import Access
    from tenfold.secret import Secret

    with Path(environ[TURNS]).open() as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise ValueError(f"{environ[TURNS]} has a private key and may be read by others")
        data = json.load(file)
    certificate = data.get("certificate")
    access = Access(
        tuple(data["urls"]),
        authority=data.get("authority"),
        certificate=None if certificate is None else Secret(certificate),
    )
    return Turns(access, data["prefix"], data["holder"], data.get("seconds", LEASE_SECONDS))
