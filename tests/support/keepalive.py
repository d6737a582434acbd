"""An HTTP client that treats its connections as nginx treats those to an upstream.

It keeps idle connections, drops one that the server has closed, closes one that has been idle for
two seconds, honours ``Connection: close``, and never sends a request twice.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

IDLE_SECONDS = 2.0


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Connection:
    """One connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float = 0.0
    answered: int = 0

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        """Send a whole request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: app.test", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()

    async def receive(self, method: str = "GET") -> Answer:
        """Read a whole answer.

        Raises:
            EOFError: the connection ended before or within the answer.
        """
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in filter(None, head[1:]):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        status = int(head[0].split(" ")[1])
        bodiless = method == "HEAD" or status in (204, 304)
        body = b"" if bodiless else await self._body(headers)
        self.answered += 1
        self.used = time.monotonic()
        return Answer(status, headers, body)

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            if "content-length" in headers:
                return await self.reader.readexactly(int(headers["content-length"]))
            return await self.reader.read()
        parts = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return b"".join(parts)

    def close(self) -> None:
        """Close at once."""
        self.writer.close()


async def connect(port: int) -> Connection:
    """A new connection."""
    return Connection(*await asyncio.open_connection("127.0.0.1", port))


@dataclass
class Upstream:
    """A pool of connections to one port, and what became of the requests on them."""

    port: int
    done: int = 0
    reused: int = 0
    failures: list[str] = field(default_factory=list)
    releases: dict[str, int] = field(default_factory=dict)
    _idle: list[Connection] = field(default_factory=list)

    async def post(self, body: bytes, path: str = "/echo") -> None:
        """One POST; a failure is noted, with its reason, and not repeated."""
        connection = self._take()
        kept = connection is not None
        try:
            connection = connection or await connect(self.port)
            await connection.send("POST", path, body)
            answer = await asyncio.wait_for(connection.receive(), 30)
            if answer.status != 200 or answer.body != body:
                raise ValueError(f"{answer.status}: {answer.body[:200]!r}")
        except (OSError, EOFError, ValueError) as error:
            self.failures.append(f"{'kept' if kept else 'new'} connection: {error!r}")
            if connection is not None:
                connection.close()
            return
        self.done += 1
        self.reused += kept
        release = answer.headers.get("tenfold-release", "?")
        self.releases[release] = self.releases.get(release, 0) + 1
        if answer.headers.get("connection", "").lower() == "close":
            connection.close()
        else:
            self._idle.append(connection)

    def _take(self) -> Connection | None:
        """A kept connection, the one used last first, as nginx does."""
        self.reap()
        return self._idle.pop() if self._idle else None

    def reap(self) -> None:
        """Close what the server has closed or what has been idle for too long."""
        now = time.monotonic()
        for connection in list(self._idle):
            if connection.reader.at_eof() or now - connection.used > IDLE_SECONDS:
                self._idle.remove(connection)
                connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        while self._idle:
            self._idle.pop().close()
