"""What a data directory and an installation say of themselves, read from :mod:`.orders`. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

Signal = Literal["none", "fenced", "follows", "empty", "other"]


@dataclass(frozen=True, slots=True)
class DiskState:
    """A data directory at one moment, whether its server runs or not.

    Attributes:
        cluster: there is one; otherwise nothing else means anything.
        signal: what ``standby.signal`` says; ``other`` was not written by Tenfold. One that is
            ``empty`` is a fence that was cut short, or Patroni's, which writes nothing into it.
        state: pg_controldata's "Database cluster state": ``in production``, ``shut down``, ...
        checkpoint: where the record of the latest checkpoint begins. After a clean stop that is
            the last record there is.
        redo: where a start would begin to replay.
        timeline: of the latest checkpoint.
        system_identifier: the same for every copy of a cluster, and for no other.
        postmaster: process id of the server, ``None`` if there is none.
        processes: how many work in the directory, those that outlived a killed server included.
        removed: here was data whose deletion was cut off, and some of that is left beside.
    """

    cluster: bool
    signal: Signal
    state: str
    checkpoint: str
    redo: str
    timeline: int
    system_identifier: str
    postmaster: int | None
    processes: int
    removed: bool = False

    @property
    def stopped(self) -> bool:
        """Nothing can write here: no process is left."""
        return self.processes == 0

    @property
    def fenced(self) -> bool:
        """A leader was told to accept writes no more; of a server that Patroni never had."""
        return self.signal in ("fenced", "empty")

    @property
    def came_back_read_only(self) -> bool:
        """A server runs that was started where there was a ``standby.signal``."""
        return not self.stopped and self.state == "in archive recovery"

    @property
    def leads(self) -> bool:
        """A server runs that accepts writes."""
        runs = self.postmaster is not None and self.state == "in production"
        return runs and self.signal == "none"

    @property
    def led_and_was_shut_down(self) -> bool:
        """A leader was stopped in order, and ``checkpoint`` is the last that it wrote."""
        return self.stopped and self.state == "shut down"


def parse_disk_state(text: str) -> DiskState:
    """Read what :func:`.orders.disk_state` printed.

    Raises:
        ValueError: it is something else.
    """
    return DiskState(**last_line(text))


@dataclass(frozen=True, slots=True)
class Installation:
    """PostgreSQL's programs on a host. ``free_bytes`` is what is left where data is to lie.

    ``libraries`` are the names that a server finds in its ``$libdir``, without their endings.
    """

    version: str
    libraries: frozenset[str]
    free_bytes: int

    @property
    def major(self) -> int:
        """The major version, which the data must be of."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])


def parse_installation(text: str) -> Installation:
    """Read what :func:`.orders.installation` printed.

    Raises:
        ValueError: it is something else.
    """
    told = last_line(text)
    return Installation(**{**told, "libraries": frozenset(told["libraries"])})


def last_line(text: str) -> dict[str, Any]:
    """The JSON object that an order printed last; warnings of the shell may come before it.

    Raises:
        ValueError: there is none.
    """
    lines = text.strip().splitlines()
    told = json.loads(lines[-1]) if lines else None
    if not isinstance(told, dict):
        raise ValueError(f"no JSON object in {text!r}")
    return told
