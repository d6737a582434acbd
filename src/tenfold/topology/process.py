"""How one unit runs on its host: what engines render and agents carry out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tenfold.secret import Secret


@dataclass(frozen=True, slots=True)
class File:
    """A rendered file; ``path`` is absolute or relative to the host's directory."""

    path: str
    text: str | Secret
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Command:
    """A command that runs to its end before a unit starts; skipped when ``creates`` exists.

    It must create ``creates`` as its last act (or atomically), so that an interrupted run repeats.
    One that waits for all that it starts need not be ``thorough``: what outlives it is then not
    looked for among all processes of the host, which costs tens of milliseconds.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str | Secret] = field(default_factory=dict)
    cwd: str | None = None
    creates: str | None = None
    within_seconds: float = 120.0
    thorough: bool = True


@dataclass(frozen=True, slots=True)
class Probe:
    """How to know that a unit is ready.

    ``exec``: ``argv`` exits 0. ``tcp``: ``address`` accepts. ``http``: ``address`` + ``path``
    answers below ``below``. ``control``: the worker's control socket says that it is warm and its
    health request answered below ``below`` (see :mod:`tenfold.wiring.control`). ``talk``:
    ``address`` is told the lines to ``say``, and one of as many answers begins with ``expect``.
    ``steady``: it has run for ``steady_seconds``, of which there is nothing better to ask.
    """

    kind: Literal["exec", "tcp", "http", "control", "talk", "steady"]
    argv: tuple[str, ...] = ()
    address: str = ""
    path: str = "/"
    below: int = 500
    say: str = ""
    expect: str = ""
    steady_seconds: float = 0.0
    within_seconds: float = 20.0
    every_seconds: float = 0.02


@dataclass(frozen=True, slots=True)
class Stop:
    """How to end a unit: this signal, then SIGKILL for its group when it takes too long."""

    signal: str = "SIGTERM"
    within_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Launch:
    """One process: what to execute, with what, and how to know and end it.

    ``sockets`` names listening sockets that the agent owns and passes on. In ``argv`` and in the
    values of ``env``, ``{fd:NAME}`` stands for the inherited descriptor's number.
    ``control`` is the unix socket at which the process answers to :mod:`tenfold.wiring.control`.
    ``reload`` is the signal by which the process rereads its files, if it can do so safely.
    ``programs`` are the files that what it looks after is run from: another one in their place
    counts like one in that of ``argv[0]``. Of one that ``lasts`` a process that runs is not ended
    for a launch that is another one than its own: that is for its next start.
    """

    argv: tuple[str, ...]
    cwd: str
    ready: Probe
    env: Mapping[str, str | Secret] = field(default_factory=dict)
    sockets: tuple[str, ...] = ()
    prepare: tuple[Command, ...] = ()
    stop: Stop = Stop()
    control: str | None = None
    reload: str | None = None
    programs: tuple[str, ...] = ()
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class Listen:
    """A listening TCP socket that the agent owns. Port 0 asks for any free one.

    ``gives_way``: whoever connects has another host to go to, so that nobody is to wait here while
    no worker comes up.
    """

    name: str
    address: str
    port: int
    backlog: int = 4096
    gives_way: bool = False


@dataclass(frozen=True, slots=True)
class UnitOrder:
    """A unit as its agent is told of it; ``name`` is unique on the host.

    Members of a pool are named ``pool.generation.index``, carry ``pool`` and ``generation`` and
    start *warm*: they do not accept until a handover says so. Those in the ``background`` serve no
    visitors, work from the start and can be sent to rest. Of a ``single`` pool never two
    generations work at once: one that would is refused. Where all units stop, those that it
    ``outlives`` stop first.
    ``fingerprint`` is the caller's digest of what the unit was made from; the agent keeps it and
    gives it back when observed. ``instead_of`` is the pid of a process that shall not be kept,
    though it may have been started with the same launch; ``patience_seconds`` is how long it may
    take to end, by default its own bound.
    """

    name: str
    engine: str
    launch: Launch
    after: tuple[str, ...] = ()
    pool: str | None = None
    generation: int = 0
    release: str | None = None
    endpoint: str | None = None
    background: bool = False
    single: bool = False
    fingerprint: str | None = None
    outlives: tuple[str, ...] = ()
    instead_of: int | None = None
    patience_seconds: float | None = None
