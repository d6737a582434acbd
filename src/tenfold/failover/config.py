"""What the keeper is told by the engine ``failover``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.agent.wire import SOCKET_NAME
from tenfold.failover.asking import Address
from tenfold.failover.deciding import Limits
from tenfold.secret import Secret


@dataclass(frozen=True, slots=True)
class Config:
    """``endpoint`` is the unit that relays, ``through_endpoint`` how the app reaches a server.

    ``points_to`` is whom the endpoint's rendered file names. ``files`` has its file for each
    leader and for nobody, as the agent's ``write`` takes it; ``pools`` are those whose requests
    wait. ``data`` is the keeper's own directory, ``socket`` that of the host's agent.
    """

    data: Path
    socket: Path
    endpoint: str
    through_endpoint: Address
    points_to: str
    servers: Mapping[str, Address]
    files: Mapping[str, Mapping[str, Any]]
    pools: tuple[str, ...]
    limits: Limits

    @property
    def ready(self) -> Path:
        """There once it watches."""
        return self.data / "ready"

    @property
    def state(self) -> Path:
        """What has become of things so far."""
        return self.data / "state.json"


def read(path: Path) -> Config:
    """The configuration in a file. Raises ``OSError``, ``ValueError``, ``KeyError``."""
    data = json.loads(path.read_text())
    return Config(
        data=Path(data["data"]),
        socket=Path(data["run"]) / SOCKET_NAME,
        endpoint=data["endpoint"],
        through_endpoint=_address(data["through_endpoint"]),
        points_to=data["points_to"],
        servers={name: _address(told) for name, told in data["servers"].items()},
        files=data["files"],
        pools=tuple(data["pools"]),
        limits=Limits(**data["limits"]),
    )


def _address(told: Mapping[str, Any]) -> Address:
    return Address(
        told["host"], told["port"], told["user"], Secret(told["password"]), told["database"]
    )
