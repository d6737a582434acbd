"""What a launcher is told: one JSON file, written by the engine, private to the app's user."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1
_SOME_HAVE: Final = ("command", "door", "listeners", "max_body_bytes", "nginx", "ready_seconds")


@dataclass(frozen=True)
class RunSettings:
    """How one server process runs.

    ``entry`` is ``module:attribute`` or ``module:factory()``; ``interface`` is ``asgi``, ``wsgi``
    or ``auto``. ``keepalive_seconds`` is far above the time for which the edge keeps an idle
    connection (2 s), so that it is never the app who closes first. ``linger_seconds`` is how long
    a quiescing server keeps an idle connection: above the edge's 2 s too. ``drain_seconds`` bounds
    a stop by signal. ``max_body_bytes`` bounds a request's body where the server keeps all of it in
    memory. ``threads`` 0 leaves their number to the server. ``trusted`` are the addresses whose
    ``X-Forwarded-*`` are believed.

    A server that is started by a ``command`` gets a door: ``nginx`` is the program, ``door`` the
    path of its configuration (see :mod:`.door`), ``workers`` how often the command runs at once,
    ``listeners`` how many sockets listen at its port when it is ready, and ``ready_seconds`` how
    long that may take.
    """

    server: str
    entry: str
    control: str
    interface: str = "auto"
    release: str = ""
    workers: int = 1
    threads: int = 1
    keepalive_seconds: int = 75
    linger_seconds: float = 5.0
    drain_seconds: float = 60.0
    max_body_bytes: int = 100_000_000
    command: tuple[str, ...] = ()
    listeners: int = 1
    ready_seconds: float = 20.0
    nginx: str = ""
    door: str = ""
    trusted: tuple[str, ...] = ("127.0.0.0/8", "127.0.0.1")

    def signal_seconds(self, *, leaving: bool) -> float:
        """How long requests may go on after SIGTERM.

        A little less than its sender waits before he kills. If the process was leaving already,
        its time has been up before the signal came.
        """
        return 1.0 if leaving else max(self.drain_seconds - 1.0, 0.5)

    def to_json(self) -> str:
        """One JSON object, keys sorted.

        What only some servers have is left out at its default: the runtime of a release that was
        built earlier does not know it.
        """
        told = asdict(self)
        for name in _SOME_HAVE:
            if told[name] == getattr(RunSettings, name):
                del told[name]
        return json.dumps({"format": FORMAT, **told}, indent=1, sort_keys=True) + "\n"


def read(path: str) -> RunSettings:
    """Settings as an engine wrote them.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a file, or of another format.
    """
    data: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise ValueError(f"{path} is not a settings file of format {FORMAT}")
    try:
        lists = {key: tuple(data.get(key, ())) for key in ("trusted", "command")}
        return RunSettings(**{**data, **lists})
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error
