"""One process of a server that is started by a command: its port, its start, its end."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from . import diag
from .failures import StartFailed
from .probe import BODY_BYTES

HOST: Final = "127.0.0.1"
LOOK_SECONDS: Final = 0.05
TRIES: Final = 3
LOWEST_PORT: Final = 20_000
HIGHEST_PORT: Final = 65_535
ROOM_PORTS: Final = 1000
ANSWER_BYTES: Final = 16 << 10
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
_PLACEHOLDER: Final = re.compile(
    r"\{(port|host)\}|\$\{(PORT|HOST)\}|\$(PORT|HOST)(?![A-Za-z0-9_])", re.ASCII
)


class Instance:
    """The command, with ``PORT`` and ``HOST`` in its environment and in its words."""

    def __init__(self, command: tuple[str, ...], listeners: int = 1) -> None:
        self._listeners = listeners
        self._words = command
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it is to listen."""
        return HOST, self.port

    @property
    def code(self) -> int | None:
        """Its exit code, or minus the signal's number; ``None`` while it runs."""
        return None if self._process is None else self._process.returncode

    @property
    def _command(self) -> tuple[str, ...]:
        return tuple(placed(word, self.port) for word in self._words)

    async def start(self) -> None:
        """Execute the command.

        Raises:
            StartFailed: it cannot be executed.
        """
        env = {**os.environ, "PORT": str(self.port), "HOST": HOST}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=env, stdin=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            raise StartFailed(
                f"cannot execute {self._command[0]}: {error.strerror}\n"
                f"Looked in PATH={os.environ.get('PATH', '')}"
            ) from None

    async def ready(self) -> None:
        """Wait until it listens where it was told to.

        Raises:
            StartFailed: it has ended instead.
        """
        again = TRIES
        while not (await self._listens() and self._is_its_own()):
            if self.code is not None:
                again -= 1
                if is_free(self.port) or not again:
                    raise StartFailed(await self.why_ended())
                self.port = free_port()  # Somebody was quicker there.
                await self.start()
            await asyncio.sleep(LOOK_SECONDS)

    async def ended(self) -> None:
        """Wait for its end."""
        assert self._process is not None, "it was started"
        await self._process.wait()

    async def end(self, within_seconds: float) -> bool:
        """SIGTERM, then SIGKILL; whether it ended by itself within this time."""
        if self._process is None or self.code is not None:
            return True
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(within_seconds):
                await self.ended()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self.ended()
            return False
        return True

    async def get(self, path: str, host: str, within_seconds: float) -> tuple[int, bytes]:
        """Status and first bytes of the body of its answer to a GET.

        Raises:
            OSError: it does not answer, or not in time (``TimeoutError``), or not in HTTP.
        """
        async with asyncio.timeout(within_seconds):
            reader, writer = await asyncio.open_connection(*self.address)
            try:
                head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tenfold-probe\r\n"
                writer.write(f"{head}Accept: */*\r\nConnection: close\r\n\r\n".encode())
                status = await reader.readline()
                rest = b""
                while len(rest) < ANSWER_BYTES and (chunk := await reader.read(ANSWER_BYTES)):
                    rest += chunk
            finally:
                writer.close()
        words = status.split()
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            raise OSError("the answer is not HTTP")
        return int(words[1]), rest.partition(b"\r\n\r\n")[2][:BODY_BYTES]

    def listens_everywhere(self) -> bool:
        """Whether it also listens on other addresses of this machine than it was told."""
        return any(s.address in _EVERYWHERE for s in _listening() if s.port == self.port)

    async def why_ended(self) -> str:
        """Why it is not there any more, as far as that can be seen."""
        code = self.code or 0
        left = _orphans()
        names = ", ".join(f"{_name(pid)} (pid {pid})" for pid in left[:3])
        told = " ".join(self._command)
        if code == 0 and left:
            return (
                f"the command ended at once and left {names} behind: it goes into the background\n"
                f"Tenfold watches the process that it starts: have it stay in the foreground "
                f"(without --daemon, -D, daemonize or &).\nThe command: {told}"
            )
        how = f"exited with code {code}" if code >= 0 else f"was ended by signal {-code}"
        return f"the command {how}, and nothing listens at {HOST}:{self.port}\nIt was: {told}"

    def why_not_ready(self) -> str:
        """Why it does not listen where it was told to, as far as that can be seen."""
        own = _own_sockets()
        others = sorted({f"{s.address}:{s.port}" for s in _listening() if s.inode in own})
        found = f"it listens at {', '.join(others)}" if others else "it listens nowhere"
        return (
            f"the command runs, but not at {HOST}:{self.port}, which PORT and HOST named: {found}\n"
            f"Pass them on, for example with  --host $HOST --port $PORT\n"
            f"The command: {' '.join(self._command)}"
        )

    def _is_its_own(self) -> bool:
        """Whether processes of its own listen there, all of them, and nobody who came first."""
        found = {s.inode for s in _listening() if s.port == self.port}
        return not found or len(found & _own_sockets()) >= self._listeners

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(*self.address)
        except OSError:
            return False
        writer.close()
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


def placed(word: str, port: int) -> str:
    """``{port}``, ``{host}``, ``$PORT`` and ``$HOST`` of a word replaced."""

    def value(found: re.Match[str]) -> str:
        name = next(filter(None, found.groups()))
        return str(port) if name.lower() == "port" else HOST

    return _PLACEHOLDER.sub(value, word)


def free_port() -> int:
    """A port at which nobody listens, and that the kernel gives to no client meanwhile.

    The door opens a connection for each request, and one of them would soon have any other port.
    """
    first, last = _given_to_clients()
    while True:
        port = random.randrange(LOWEST_PORT, HIGHEST_PORT + 1)  # noqa: S311 - no secret
        if not first <= port <= last and is_free(port):
            return port


def is_free(port: int) -> bool:
    """Whether one could listen there now."""
    with socket.socket() as tried:
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
    return True


def _given_to_clients() -> tuple[int, int]:
    """The ports that the kernel takes for connections; see ip(7)."""
    try:
        first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    except (OSError, ValueError):
        return 49152, HIGHEST_PORT
    return (int(first), int(last)) if _leaves_room(int(first), int(last)) else (0, 0)


def _leaves_room(first: int, last: int) -> bool:
    return (first - LOWEST_PORT) + (HIGHEST_PORT - last) >= ROOM_PORTS


def _listening() -> list[diag.TcpSocket]:
    try:
        return diag.sockets((diag.LISTEN,))
    except OSError:
        return []


def _own_sockets() -> set[int]:
    """Of the command's processes, without what this one has: the agent's socket for one."""
    return set().union(*map(diag.inodes, session())) - diag.inodes(os.getpid())


def session() -> Iterator[int]:
    """The processes of this one's session, or with its marker, this one included."""
    mine, marker = os.getsid(0), os.environ.get("TENFOLD_UNIT")
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            pid = int(entry.name)
            with suppress(OSError):
                if os.getsid(pid) == mine or (marker and _has_marker(entry, marker)):
                    yield pid


def _orphans() -> list[int]:
    """Those of them whose parents are not among them: what a process left behind."""
    pids = set(session())
    return sorted(pid for pid in pids - {os.getpid()} if _parent(pid) not in pids)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _has_marker(process: Path, marker: str) -> bool:
    return f"TENFOLD_UNIT={marker}".encode() in (process / "environ").read_bytes().split(b"\0")


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a process"
