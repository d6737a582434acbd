"""What every part of an agent knows of its host."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.agent.handle import ExitStatuses
from tenfold.agent.sockets import Sockets
from tenfold.agent.store import Store
from tenfold.secret import Secret

if TYPE_CHECKING:
    from tenfold.agent.unit import Unit


def host_key(root: Path) -> str:
    """Tells this host's processes from those of a host of the same name in another directory."""
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Context:
    """One host: names, places, what it remembers and what it owns."""

    deployment: str
    host: str
    address: str
    root: Path
    run: Path
    logs: Path
    store: Store
    sockets: Sockets
    statuses: ExitStatuses = field(default_factory=ExitStatuses)

    def new_nonce(self) -> str:
        """A fresh name for one process of this host."""
        return f"{host_key(self.root)}-{secrets.token_hex(6)}"

    def is_ours(self, marker: str) -> bool:
        """Whether a marker, or a nonce, was given by this host's agent or a predecessor."""
        return marker.rpartition("/")[2].startswith(f"{host_key(self.root)}-")

    def marker(self, unit: str, nonce: str) -> str:
        """The value of ``TENFOLD_UNIT`` for a process."""
        return f"{self.deployment}/{self.host}/{unit}/{nonce}"

    def log(self, unit: str) -> Path:
        """Where a unit's output goes."""
        return self.logs / f"{unit}.log"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a unit has to ask its host: to wait for others, whether it is held, with or without a
    gate, and whether others are in its way, for which ``require_alone`` raises ``StepFailed``."""

    wait_ready: Callable[[str, tuple[str, ...]], Awaitable[None]]
    is_held: Callable[[str], bool]
    is_gated: Callable[[str], bool]
    require_alone: Callable[[Unit], None]


def base_environment() -> dict[str, str]:
    """The small clean environment that every process of the host starts from."""
    kept = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "LOGNAME")
    return {k: v for k, v in os.environ.items() if k in kept or k.startswith("LC_")}


def environment(extra: Mapping[str, str | Secret]) -> dict[str, str]:
    """The base environment and what the unit's own declaration adds, secrets revealed."""
    revealed = {k: v.reveal() if isinstance(v, Secret) else v for k, v in extra.items()}
    return {**base_environment(), **revealed}
