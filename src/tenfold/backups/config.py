"""What the keeper of backups is told, as the engine ``backup`` wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to, and who we are there; ``key`` encrypts. Never shown: it holds secrets."""

    to: str
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Config:
    """``data`` is PostgreSQL's data directory, ``sockets`` and ``port`` how its server is reached,
    ``passfile`` has the passwords of ``superuser`` and ``replication``. ``folder`` is the keeper's
    own, ``socket`` where it takes orders. ``storage`` is where user files lie,
    ``storage_dirs`` which of them go along. Every ``check_seconds`` the newest backup is tried.
    """

    app: str
    destination: Destination
    every_seconds: float
    keep_seconds: float
    data: Path
    sockets: str
    port: int
    superuser: str
    replication: str
    database: str
    programs: Path
    passfile: str
    folder: Path
    socket: str
    check_seconds: float | None = None
    storage: str = ""
    storage_dirs: tuple[str, ...] = ()
    copy_bytes_per_second: int = 0

    @property
    def state(self) -> Path:
        """What is known, for the keeper itself and for ``tenfold status``."""
        return self.folder / "state.json"

    @property
    def ready(self) -> Path:
        """There once the keeper takes orders."""
        return self.folder / "ready"


def read(path: Path) -> Config:
    """The configuration in a file. Raises ``OSError``, ``ValueError``, ``KeyError``."""
    return from_json(json.loads(path.read_text()))


def from_json(data: dict[str, Any]) -> Config:
    """The configuration as plain data. Raises ``KeyError``, ``TypeError``."""
    told = dict(data)
    told["destination"] = Destination(**told["destination"])
    for name in ("data", "programs", "folder"):
        told[name] = Path(told[name])
    return Config(**{**told, "storage_dirs": tuple(told["storage_dirs"])})
