"""The app in a process of its own that is asked for pages: started, asked, bounded, ended.

What comes from there is not believed: frames have a kind and a length that are checked, objects are
read field by field, bodies are counted, and every wait has an end.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any, Final

from tenfold.errors import ExportError
from tenfold.export.answers import Head
from tenfold.wiring import rendering as wire
from tenfold.wiring.rendering import RenderSettings

Start = Callable[[], "subprocess.Popen[bytes]"]

START_SECONDS: Final = 120.0
GRACE_SECONDS: Final = 2.0
"""How much later than the app's own process the time of a page is up here."""
END_SECONDS: Final = 15.0
MOST_ASKED_BYTES: Final = 32 << 10
"""How much is written ahead: less than a pipe takes, or both sides could wait for each other."""
MOST_ASKED: Final = 64
MOST_STATUS: Final = 999
_READ_BYTES: Final = 1 << 18
_TAIL_BYTES: Final = 30_000


@dataclass(frozen=True, slots=True)
class Started:
    """A page begins."""

    head: Head


@dataclass(frozen=True, slots=True)
class Ended:
    """A page is whole; ``said`` is what the app printed, where its status tells of an error."""

    bytes: int
    sha256: str
    said: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The app could not make it."""

    what: str
    detail: str


Event = Started | bytes | Ended | Failed


class Renderer:
    """One process with the app; pages are answered in the order in which they are asked for.

    Args:
        start: starts the process, with pipes for its standard input, output and error.
        settings: what it is told.
    """

    def __init__(self, start: Start, settings: RenderSettings) -> None:
        self._settings = settings
        self._start = start
        self._asked: deque[tuple[str, int]] = deque()
        self._asked_bytes = 0
        self._buffer = bytearray()
        self._tail = bytearray()

    def __enter__(self) -> Renderer:
        self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = self._process.stdin.fileno()
        self._answers = self._process.stdout.fileno()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(END_SECONDS if kind is None else 0.0)

    def kill(self) -> None:
        """End it now, from another thread: whoever waits for its answers hears of its end."""
        self._process.kill()

    def tell(self) -> None:
        """Say which app it is, so that it begins to start."""
        self._write(wire.settings_line(self._settings))

    def ready(self) -> str:
        """Wait until the app, of which it was told, is imported and has started; its interface.

        Raises:
            ExportError: it did not; the error says why.
        """
        deadline = monotonic() + START_SECONDS
        kind, payload = self._frame(deadline, "the app did not start")
        data = _object(payload)
        if kind == wire.READY:
            return str(data.get("interface", ""))
        if kind == wire.FAILED:
            raise ExportError(
                f"{self._settings.entry} did not start: {_text(data, 'what')}",
                detail=_text(data, "detail"),
                next="make it start without what it has only when it is up (a database, say), or "
                "give that in [env]; tenfold docs static",
            )
        raise self._nonsense(f"a frame {kind!r} before the app was ready")

    @property
    def room(self) -> bool:
        """Whether one more page can be asked for now."""
        return len(self._asked) < MOST_ASKED and self._asked_bytes < MOST_ASKED_BYTES

    @property
    def asked(self) -> str | None:
        """The page whose answer comes next, if one was asked for."""
        return self._asked[0][0] if self._asked else None

    def ask(self, path: str, *, body: bool) -> None:
        """Ask for a page."""
        line = wire.line({"path": path, "body": body})
        self._asked.append((path, len(line)))
        self._asked_bytes += len(line)
        self._write(line)

    def began(self) -> float:
        """The end of the time that the page has whose answer comes next, if it begins now."""
        return monotonic() + self._settings.page_seconds + GRACE_SECONDS

    def event(self, deadline: float) -> Event:
        """What comes next of the page that was asked for first.

        Raises:
            ExportError: nothing came in time, or the process ended, or it talks nonsense.
        """
        path = self._asked[0][0]
        kind, payload = self._frame(deadline, f"{path} takes more than {self._seconds} s")
        if kind == wire.BODY:
            return payload
        data = _object(payload)
        if kind == wire.STARTED:
            return Started(_head(data))
        self._asked_bytes -= self._asked.popleft()[1]
        if kind == wire.ENDED:
            size, digest = data.get("bytes"), data.get("sha256")
            if not isinstance(size, int) or not isinstance(digest, str):
                raise self._nonsense("the end of a page without its size")
            return Ended(size, digest[:64], _text(data, "said"))
        if kind == wire.FAILED:
            return Failed(_text(data, "what"), _text(data, "detail"))
        raise self._nonsense(f"a frame {kind!r} within a page")

    @property
    def _seconds(self) -> str:
        return f"{self._settings.page_seconds:g}"

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._requests, data) :]
        except BrokenPipeError:
            return  # why it ended is told when its answer is read

    def _frame(self, deadline: float, overdue: str) -> tuple[bytes, bytes]:
        while len(self._buffer) < wire.PREFIX.size:
            self._read(deadline, overdue)
        kind, length = wire.PREFIX.unpack_from(self._buffer)
        if kind not in wire.KINDS or length > wire.MOST_BYTES:
            raise self._nonsense(f"a frame {kind!r} of {length} bytes")
        end = wire.PREFIX.size + length
        while len(self._buffer) < end:
            self._read(deadline, overdue)
        payload = bytes(memoryview(self._buffer)[wire.PREFIX.size : end])
        del self._buffer[:end]
        return kind, payload

    def _read(self, deadline: float, overdue: str) -> None:
        poll = select.poll()
        poll.register(self._answers, select.POLLIN | select.POLLHUP)
        left = deadline - monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise self._overdue(overdue)
        chunk = os.read(self._answers, _READ_BYTES)
        if not chunk:
            raise self._ended()
        self._buffer += chunk

    def _overdue(self, what: str) -> ExportError:
        """It is told to say where it is (see faulthandler), and to end."""
        self._signal(signal.SIGABRT)
        self._end(GRACE_SECONDS)
        return ExportError(
            what,
            detail=self._said().rpartition("Fatal Python error: Aborted")[2].strip(),
            next="[static] page_timeout gives pages more time; exclude leaves one out",
        )

    def _ended(self) -> ExportError:
        asked = self.asked
        code = self._end(GRACE_SECONDS)
        how = "closed its answers" if code is None else f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was ended by signal {-code}"
        meanwhile = f"while it made {asked}" if asked else "before it was ready"
        return ExportError(f"the app's process {how} {meanwhile}", detail=self._said())

    def _nonsense(self, what: str) -> ExportError:
        self._end(0.0)
        return ExportError(
            f"the app's process says what cannot be understood: {what}",
            detail=self._said(),
            next="see what writes to descriptors that it did not open",
        )

    def _end(self, within_seconds: float) -> int | None:
        """Let it end by itself for a while, then end it, with whatever it started; its exit code,
        if it has one of its own."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        by_itself = process.returncode is not None or _exits(process.pid, within_seconds)
        if process.returncode is None:
            # Not reaped yet, so that the id of its group is still its own.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._listener.join(GRACE_SECONDS)
        if process.stderr is not None and not self._listener.is_alive():
            process.stderr.close()
        return process.returncode if by_itself else None

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _listen(self) -> None:
        """Take what the app prints, and keep the end of it."""
        assert self._process.stderr is not None
        with suppress(OSError, ValueError):
            while chunk := os.read(self._process.stderr.fileno(), _READ_BYTES):
                self._tail += chunk
                del self._tail[:-_TAIL_BYTES]

    def _said(self) -> str:
        return bytes(self._tail).decode("utf-8", "replace").strip()


def _exits(pid: int, within_seconds: float) -> bool:
    """Whether a child ends within a time; it is not reaped."""
    watched = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(watched, select.POLLIN)
        return bool(poll.poll(within_seconds * 1000))
    finally:
        os.close(watched)


def _object(payload: bytes) -> dict[str, Any]:
    """An object of a frame; anything else is as good as an empty one."""
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return value[:_TAIL_BYTES] if isinstance(value, str) else ""


def _head(data: dict[str, Any]) -> Head:
    status, headers, cookies = (data.get(n) for n in ("status", "headers", "cookies"))
    told = headers.items() if isinstance(headers, dict) else ()
    names = cookies if isinstance(cookies, list) else ()
    return Head(
        status=status if isinstance(status, int) and 0 < status <= MOST_STATUS else 0,
        headers={
            name: value[: wire.MOST_VALUE]
            for name, value in told
            if name in wire.HEADERS and isinstance(value, str)
        },
        cookies=tuple(name[:100] for name in names if isinstance(name, str)),
    )
