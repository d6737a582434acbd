"""What a stage must know besides the spec: the machine, and the app's server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tenfold.errors import Refused
from tenfold.spec.model import AppSpec

COMMAND = "command"
# What each server serves; the first that is installed and fits is taken.
INTERFACES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "uvicorn": ("asgi",),
    "gunicorn": ("wsgi",),
    "hypercorn": ("asgi", "wsgi"),
    "granian": ("asgi", "wsgi"),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """What a host of this deployment has to give."""

    cores: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class AppFacts:
    """How the app is served: ``server`` is an engine's name, ``interface`` asgi, wsgi or auto.

    For a command of the user's they are ``command`` and ``http``. With ``pages``, pages that were
    published before there was an app are files in front of it still.
    """

    server: str
    interface: str
    pages: bool = False


NO_APP: Final = AppFacts("", "")
"""Where there is none yet."""


def fitting(spec: AppSpec, likely_interface: str | None) -> tuple[str, ...]:
    """The servers that can run the app, the usual one first; see :func:`app_facts`."""
    if spec.server.kind != "auto":
        return (spec.server.kind,)
    interface = spec.server.interface
    wanted = interface if interface != "auto" else likely_interface
    return tuple(s for s, speaks in INTERFACES_OF.items() if wanted is None or wanted in speaks)


def app_facts(spec: AppSpec, installed: frozenset[str], likely_interface: str | None) -> AppFacts:
    """Which server runs the app.

    Args:
        spec: the user's wish, which wins.
        installed: the server packages that the app's environment has.
        likely_interface: what the source looks like, ``asgi`` or ``wsgi``, if it says.

    Raises:
        Refused: the wanted or needed server is not installed.
    """
    if spec.app is None:
        return AppFacts(COMMAND, "http")
    interface = spec.server.interface
    wanted = interface if interface != "auto" else likely_interface
    possible = fitting(spec, likely_interface)
    server = next((s for s in possible if s in installed), possible[0])
    if server not in installed:
        raise Refused(
            f"the app's environment has no {server}, "
            f"which serves {' and '.join(INTERFACES_OF[server])} apps",
            next=f"install it there:  pip install {server}   (and add it to your requirements)",
        )
    return AppFacts(server, wanted or INTERFACES_OF[server][0])
