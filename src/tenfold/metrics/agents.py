"""Asks the agents of all hosts what they see. Changes nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tenfold.agent.wire import MAX_LINE_BYTES, SOCKET_NAME, from_wire, line
from tenfold.topology.observation import ObservedHost

WITHIN_SECONDS = 3.0
MAX_HOSTS = 64


class Silent(Exception):
    """An agent does not answer."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is: ``name`` is what it is called now."""

    name: str
    address: str
    root: Path
    socket: Path


def places(hosts: Path, own: str, names: Mapping[str, str]) -> tuple[Place, ...]:
    """This host and those that were told; those that are being made or removed are left out.

    Told, because the folder that they are in may be closed to whoever gathers.
    """
    found = []
    for place in sorted({own, *names})[:MAX_HOSTS]:
        folder = hosts / place
        path = folder / "host.json"
        try:
            told = json.loads(path.read_text())
            run = Path(told["run"])
            name = names.get(folder.name, folder.name)
            found.append(Place(name, str(told["address"]), folder, run / SOCKET_NAME))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(found)


def observe(place: Place) -> ObservedHost:
    """The host as its agent sees it, or that it does not answer."""
    try:
        seen = from_wire(ObservedHost, ask(place, {"order": "observe"}))
    except (Silent, ValueError):
        return ObservedHost(place.name, place.address, "silent")
    return replace(seen, name=place.name)


def ask(place: Place, request: Mapping[str, Any], within_seconds: float = WITHIN_SECONDS) -> Any:
    """The answer to one order.

    Raises:
        Silent: nothing is heard for so long, or it is an error.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(within_seconds)
        try:
            connection.connect(str(place.socket))
            connection.sendall(line(request))
            with connection.makefile("rb") as answers:
                while answer := answers.readline(MAX_LINE_BYTES):
                    told = json.loads(answer)
                    if "ok" in told:
                        return told["ok"]
                    if "error" in told:
                        raise Silent(str(told["error"].get("what")))
        except (OSError, ValueError) as fault:
            raise Silent(str(fault)) from fault
    raise Silent("it broke off")
