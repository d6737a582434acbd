"""Real app servers, started the way an agent does it: launcher, inherited and control sockets."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support.venvs import environment

from tenfold.engines.command.render import door_text
from tenfold.engines.granian import render as granian
from tenfold.engines.nginx import find
from tenfold.runtime import package
from tenfold.runtime.settings import RunSettings
from tenfold.topology.settings import AppSettings
from tenfold.wiring import control

APPS = Path(__file__).resolve().parents[1] / "apps" / "servers"

# Both HTTP implementations and event loops of uvicorn, both kinds of gunicorn workers, in the
# newest and in the oldest versions that are supported.
NEWEST = ("uvicorn[standard]==0.*", "gunicorn==27.*", "fastapi==0.*", "flask==3.*", "django==5.*")
PLAIN = ("uvicorn==0.*", "wsproto==1.*", "starlette==1.*")
HYPERCORNS = ("hypercorn==0.*", "starlette==1.*", "flask==3.*")
OLDEST_HYPERCORNS = ("hypercorn==0.17.*", "starlette==0.27.*", "flask==3.*")
GRANIANS = ("granian==2.*", "starlette==1.*", "flask==3.*")
OTHERS = ("waitress==3.*", "uvicorn==0.*", "wsproto==1.*", "starlette==1.*", "flask==3.*")
OLDEST = ("uvicorn==0.23.*", "websockets==11.*", "gunicorn==21.2.*", "starlette==0.27.*")


@dataclass(frozen=True)
class Kind:
    """A server in an environment; the first word of its name names the environment."""

    name: str
    packages: tuple[str, ...]
    settings: dict[str, Any]

    def python(self) -> Path:
        """The environment's interpreter; the environment is made if need be."""
        name = self.name.partition(" ")[0]
        return environment(f"servers-{name}", self.packages) / "bin/python"


ASGI = {"server": "uvicorn", "entry": "asgi_app:app"}
WSGI = {"server": "gunicorn", "entry": "wsgi_app:app", "workers": 2}
UVICORN = Kind("newest uvicorn (httptools, uvloop)", NEWEST, ASGI)
PLAIN_UVICORN = Kind("plain uvicorn (h11, asyncio)", PLAIN, ASGI)
SYNC = Kind("newest gunicorn (sync)", NEWEST, WSGI)
GTHREAD = Kind("newest gunicorn (gthread)", NEWEST, {**WSGI, "threads": 4})
OLDEST_UVICORN = Kind("oldest uvicorn (h11, asyncio)", OLDEST, ASGI)
OLDEST_SYNC = Kind("oldest gunicorn (sync)", OLDEST, WSGI)
OLDEST_GTHREAD = Kind("oldest gunicorn (gthread)", OLDEST, {**WSGI, "threads": 4})
_HYPER = {"server": "hypercorn", "entry": "asgi_app:app"}
_HYPER_WSGI = {"server": "hypercorn", "entry": "wsgi_app:app", "threads": 0}
HYPERCORN = Kind("hypercorn (ASGI)", HYPERCORNS, _HYPER)
HYPERCORN_WSGI = Kind("hypercorn (WSGI)", HYPERCORNS, _HYPER_WSGI)
OLDEST_HYPERCORN = Kind("oldest-hypercorn (ASGI)", OLDEST_HYPERCORNS, _HYPER)
_GRANIAN = AppSettings(
    entry="asgi_app:app", interface="asgi", server="granian", workers=2, threads=0
)
_GRANIAN_WSGI = replace(_GRANIAN, entry="wsgi_app:app", interface="wsgi", threads=4)
_UVICORN = "{python} -m uvicorn asgi_app:app --ws wsproto --host {host} --port $PORT"
_WAITRESS = "{python} -m waitress --host $HOST --port {port} wsgi_app:app"


def _command(words: tuple[str, ...], entry: str = "", **more: Any) -> dict[str, Any]:
    return {"server": "command", "entry": entry, "command": words, **more}


# Behind a door: servers that know nothing of Tenfold.
GRANIAN = Kind(
    "granian (ASGI)",
    GRANIANS,
    _command(granian.command("{python}", _GRANIAN), _GRANIAN.entry, listeners=2),
)
GRANIAN_WSGI = Kind(
    "granian (WSGI)",
    GRANIANS,
    _command(granian.command("{python}", _GRANIAN_WSGI), _GRANIAN_WSGI.entry, listeners=2),
)
UVICORNS = Kind("others (two uvicorns)", OTHERS, _command(tuple(_UVICORN.split()), workers=2))
WAITRESS = Kind("others (waitress)", OTHERS, _command(tuple(_WAITRESS.split())))
DOORED = (GRANIAN, GRANIAN_WSGI, UVICORNS, WAITRESS)
KINDS = (
    UVICORN,
    PLAIN_UVICORN,
    OLDEST_UVICORN,
    SYNC,
    GTHREAD,
    OLDEST_SYNC,
    OLDEST_GTHREAD,
    HYPERCORN,
    HYPERCORN_WSGI,
    OLDEST_HYPERCORN,
    *DOORED,
)


def listening() -> socket.socket:
    """What the agent owns: a listening socket on a free port."""
    owned = socket.socket()
    owned.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    owned.bind(("127.0.0.1", 0))
    owned.listen(4096)
    return owned


class Runtime:
    """The runtime's copy in a folder of its own, and the processes started from it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tf-"))
        self._stack = ExitStack()
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._count = 0
        for name, source in package.files().items():
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

    def start(
        self,
        python: Path,
        owned: socket.socket,
        *,
        cwd: Path = APPS,
        env: dict[str, str] | None = None,
        **settings: Any,
    ) -> AppProcess:
        """Start a server; it is gone when the runtime is closed."""
        self._count += 1
        name = self.folder / str(self._count)
        if words := settings.get("command"):
            settings |= self._door(name, settings)
            settings["command"] = tuple(w.replace("{python}", str(python)) for w in words)
        told = RunSettings(**{"control": f"{name}.sock", "release": "r1", **settings})
        Path(f"{name}.json").write_text(told.to_json())
        command = [python, self.folder / package.LAUNCHER, f"{name}.json"]
        with Path(f"{name}.log").open("wb") as log:
            own = {"PYTHONPATH": str(self.folder), "TENFOLD_ENTRY": settings["entry"]}
            process = subprocess.Popen(
                [*map(str, command), "--fd", str(owned.fileno())],
                cwd=cwd,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONUNBUFFERED": "1",
                    **(own if granian.TARGET in settings.get("command", ()) else {}),
                    **(env or {}),
                },
                pass_fds=[owned.fileno()],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = AppProcess(process, f"{name}.sock", Path(f"{name}.log"))
        self._stack.callback(started.end)
        return started

    def _door(self, name: Path, settings: dict[str, Any]) -> dict[str, str]:
        many, kept = settings.get("workers", 1) > 1, bool(settings["entry"])
        text = door_text("test", many=many, keeps_connections=kept)
        Path(f"{name}.door.conf").write_text(text)
        return {"nginx": find().path, "door": f"{name}.door.conf"}

    def close(self) -> None:
        """End what was started, remove the folder."""
        self._stack.close()


class AppProcess:
    """One started server and its control socket."""

    def __init__(self, process: subprocess.Popen[bytes], path: str, log: Path) -> None:
        self.process = process
        self.path = path
        self.log = log
        self._lines: Any = None

    def order(self, name: str, **more: Any) -> dict[str, Any]:
        """One order, one answer."""
        if self._lines is None:
            with socket.socket(socket.AF_UNIX) as connected:
                connected.settimeout(30)
                connected.connect(self.path)
                self._lines = connected.makefile("rwb")
        self._lines.write(control.encode({"order": name, **more}))
        self._lines.flush()
        return control.decode(self._lines.readline())

    def until(self, *states: str, within: float = 60) -> dict[str, Any]:
        """Wait for one of these states and return the status that had it."""
        deadline = time.monotonic() + within
        answer: dict[str, Any] = {}
        while time.monotonic() < deadline:
            if Path(self.path).exists():
                answer = self.order(control.STATUS)
                if answer["state"] in states:
                    return answer
            elif self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"never {states}: {answer}\n{self.text()}")

    def warm(self) -> AppProcess:
        """Wait until it is warm."""
        self.until(control.WARM)
        return self

    def accept(self) -> AppProcess:
        """Wait until it is warm and let it accept."""
        self.warm()
        assert self.order(control.ACCEPT) == {"ok": True}
        return self

    def wait(self, within: float = 60) -> int:
        """The exit code."""
        return self.process.wait(within)

    def text(self) -> str:
        """What it has printed."""
        return self.log.read_text(errors="replace")

    def end(self) -> None:
        """Kill the process and whatever it has started."""
        if self._lines is not None:
            self._lines.close()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
