"""What the gatherer is told: by the engine ``metrics``, and of the site by whoever changes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenfold.metrics.alerts.rules import Limits
from tenfold.metrics.alerts.told import Told
from tenfold.secret import Secret

SITE = "site.json"


@dataclass(frozen=True, slots=True)
class DatabaseLogin:
    """The role that may read statistics. ``database`` is the app's."""

    user: str
    password: Secret
    database: str


@dataclass(frozen=True, slots=True)
class Config:
    """``hosts`` holds a directory per host, ``host`` is the name of the gatherer's own."""

    hosts: Path
    host: str
    data: Path
    config: Path
    database: DatabaseLogin | None = None
    redis: Secret | None = None
    alerts: Told | None = None

    @property
    def ready(self) -> Path:
        """There once it serves."""
        return self.data / "ready"


@dataclass(frozen=True, slots=True)
class Site:
    """What only commands know. ``names`` maps a host's directory to what it is called now.

    ``transition`` is what a command is at, or was cut off in; ``certificate_not_after`` is that of
    a certificate of the user's own, in seconds since the epoch. ``etcd`` are the hosts that are to
    have a member of it, ``members`` those of databases in Patroni's care.
    """

    app: str = ""
    stage: str = ""
    release: str = ""
    transition: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    certificate_not_after: float = 0.0
    etcd: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The file."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps({**told, "names": dict(self.names)}, indent=1) + "\n"


def read(path: Path) -> Config:
    """The configuration in a file. Raises ``OSError``, ``ValueError``, ``KeyError``."""
    data = json.loads(path.read_text())
    login = data["database"]
    return Config(
        hosts=Path(data["hosts"]),
        host=data["host"],
        data=Path(data["data"]),
        config=Path(data["config"]),
        database=None
        if login is None
        else DatabaseLogin(login["user"], Secret(login["password"]), login["database"]),
        redis=None if data["redis"] is None else Secret(data["redis"]),
        alerts=_told(data["alerts"]),
    )


def _told(data: Mapping[str, Any] | None) -> Told | None:
    if data is None:
        return None
    return Told(
        webhook=None if data["webhook"] is None else Secret(data["webhook"]),
        command=tuple(data["command"]),
        limits=Limits(data["disk_free_percent"], data["error_percent"]),
    )


def read_site(folder: Path) -> Site:
    """What was told last; nothing is known before."""
    try:
        told: dict[str, Any] = json.loads((folder / SITE).read_text())
        told |= {name: tuple(told.get(name, ())) for name in ("etcd", "members")}
        return Site(**{k: v for k, v in told.items() if k in Site.__dataclass_fields__})
    except (OSError, ValueError, TypeError):
        return Site()
