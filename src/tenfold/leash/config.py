"""What the leash is told, as one JSON file that only its user reads."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenfold.leash.deciding import Bounds


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust and what to show: paths of PEM files."""

    authority: str
    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Peer:
    """Another member under the same kernel: its data directory and its leash's lock."""

    data: str
    lock: str

    @property
    def kept(self) -> str:
        """See :attr:`Config.kept`."""
        return kept_beside(self.lock)


def kept_beside(lock: str) -> str:
    """The file that says that a leash has kept this directory."""
    return os.path.join(os.path.dirname(lock), "leash.kept")


@dataclass(frozen=True, slots=True)
class Config:
    """One member and its surroundings.

    ``patroni`` is what is executed; ``data`` is its data directory, ``lock`` the file that keeps
    two leashes from one directory. ``prefix`` is where Patroni keeps the cluster's state in etcd,
    with a slash at its end. ``api`` is ``address:port`` of Patroni itself.
    ``dynamic`` is the cluster's configuration, for a cluster that has none yet. ``peers`` are the
    other members, by name, of which this machine's kernel can tell whether they live.
    """

    patroni: tuple[str, ...]
    data: str
    lock: str
    member: str
    prefix: str
    etcd: tuple[str, ...]
    api: str
    tls: Tls | None
    bounds: Bounds
    dynamic: dict[str, Any]
    peers: dict[str, Peer] = field(default_factory=dict)

    @property
    def kept(self) -> str:
        """The file that says that a leash has kept this directory: what writes in it has a lease,
        or had one."""
        return kept_beside(self.lock)


def read(path: str) -> Config:
    """Read the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not such a file.
    """
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        tls = told["tls"]
        return Config(
            patroni=tuple(told["patroni"]),
            data=told["data"],
            lock=told["lock"],
            member=told["member"],
            prefix=told["prefix"],
            etcd=tuple(told["etcd"]),
            api=told["api"],
            tls=None if tls is None else Tls(**tls),
            bounds=Bounds(**told["bounds"]),
            dynamic=told["dynamic"],
            peers={name: Peer(**peer) for name, peer in told.get("peers", {}).items()},
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is no configuration of a leash: {error}") from error
