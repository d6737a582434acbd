"""Passes on what may never end: WebSockets and event streams, which a door could not end in order.

What comes here is one request per connection. Bytes go through as they are. When all have to end,
a WebSocket gets a close frame 1012 ("service restart") between two frames of its server, and an
event stream ends as if it had come to its end. Anything else is let finish.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

HEAD_BYTES: Final = 128 << 10
CHUNK_BYTES: Final = 64 << 10
FAREWELL_SECONDS: Final = 1.5
CLOSE_1012: Final = b"\x88\x02\x03\xf4"
_PEER: Final = b"tenfold-door-peer:"
_ENDLESS: Final = (b"text/event-stream", b"multipart/x-mixed-replace")


class LongLived:
    """Listens at ``path`` for the door; ``address`` gives host and port of the app."""

    def __init__(self, path: str, address: Callable[[], tuple[str, int]]) -> None:
        self.path = path
        self._address = address
        self._passing: set[_Passage] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._ending = False

    async def open(self) -> None:
        """Listen from now on. Raises ``OSError``."""
        self._server = await asyncio.start_unix_server(
            self._pass, self.path, limit=HEAD_BYTES, backlog=4096
        )

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    def peers(self) -> set[int]:
        """The ports of the clients whose answer is endless by its nature."""
        return {p.peer for p in self._passing if p.kind is not None}

    def websockets(self) -> int:
        """How many WebSockets are open."""
        return sum(p.kind == "websocket" for p in self._passing)

    def end_all(self, *, also_later: bool) -> None:
        """End what is endless in order; with ``also_later``, also what begins from now on."""
        self._ending = also_later
        for passage in list(self._passing):
            passage.end()

    def go_on(self) -> None:
        """What begins from now on may last."""
        self._ending = False

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passage = _Passage(reader, writer)
        self._passing.add(passage)
        try:
            await passage.run(*self._address(), ending=lambda: self._ending)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # One side has left; so does the other.
        finally:
            self._passing.discard(passage)
            passage.close()


class _Passage:
    """One request on its way to the app and back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.kind: str | None = None
        self.peer = 0
        self._client = (reader, writer)
        self._app: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._frames = Frames()
        self._end = asyncio.Event()

    async def run(self, host: str, port: int, *, ending: Callable[[], bool]) -> None:
        """Pass bytes on until one side ends."""
        reader, writer = self._client
        head = await reader.readuntil(b"\r\n\r\n")
        self.peer, head = _without_peer(head)
        self._app = await asyncio.open_connection(host, port, limit=HEAD_BYTES)
        self._app[1].write(head)
        up = asyncio.create_task(_pump(reader, self._app[1]))
        try:
            answer = await self._app[0].readuntil(b"\r\n\r\n")
            writer.write(answer)
            self.kind = _kind(answer)
            if self.kind is not None and ending():
                self.end()
            await self._down(self._app[0], writer)
            if self._end.is_set() and self.kind == "websocket":
                await self._farewell(writer, up)
        finally:
            up.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await up

    def end(self) -> None:
        """End it if it is endless by its nature."""
        if self.kind is not None:
            self._end.set()

    def close(self) -> None:
        """Drop both sides."""
        for _, writer in filter(None, (self._client, self._app)):
            writer.close()

    async def _down(self, app: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """From the app to the client, until it ends or shall; then between two frames."""
        asked = asyncio.create_task(self._end.wait())
        late: float | None = None
        loop = asyncio.get_running_loop()
        reading = asyncio.create_task(app.read(CHUNK_BYTES))
        try:
            while True:
                left = None if late is None else max(0.0, late - loop.time())
                waited = {reading} if self._end.is_set() else {reading, asked}
                await asyncio.wait(waited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    data = reading.result()
                    if not data:
                        return
                    self._frames.pass_on(data)
                    client.write(data)
                    await client.drain()
                    reading = asyncio.create_task(app.read(CHUNK_BYTES))
                if self._end.is_set():
                    late = late or loop.time() + FAREWELL_SECONDS
                    if self.kind != "websocket" or self._frames.is_between or loop.time() >= late:
                        return
        finally:
            for task in (asked, reading):
                task.cancel()

    async def _farewell(self, client: asyncio.StreamWriter, up: asyncio.Task[None]) -> None:
        """Say 1012 and give the client a moment to answer; what it still says is passed on."""
        if self._frames.is_between:
            client.write(CLOSE_1012)
            await client.drain()
            await asyncio.wait((up,), timeout=FAREWELL_SECONDS)


class Frames:
    """Where a stream of WebSocket frames is: between two of them, or inside one (RFC 6455, 5.2)."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    @property
    def is_between(self) -> bool:
        """Whether another frame may begin here."""
        return not self._head and not self._left

    def pass_on(self, data: bytes) -> None:
        """These bytes have gone through."""
        while data:
            if self._left:
                gone = min(self._left, len(data))
                self._left -= gone
                data = data[gone:]
                continue
            self._head += data[:1]
            data = data[1:]
            size = _head_bytes(self._head)
            if size is not None and len(self._head) == size:
                self._left = _payload_bytes(self._head)
                self._head = b""


def _head_bytes(head: bytes) -> int | None:
    """How long the frame's head is, once that can be known."""
    if len(head) < 2:
        return None
    mask = 4 if head[1] & 0x80 else 0
    return 2 + {126: 2, 127: 8}.get(head[1] & 0x7F, 0) + mask


def _payload_bytes(head: bytes) -> int:
    length = head[1] & 0x7F
    if length == 126:
        return int.from_bytes(head[2:4], "big")
    return int.from_bytes(head[2:10], "big") if length == 127 else length


def _without_peer(head: bytes) -> tuple[int, bytes]:
    """The port that the door names, and the head without that line."""
    lines = head.split(b"\r\n")
    said = [line for line in lines if line.lower().startswith(_PEER)]
    kept = [line for line in lines if not line.lower().startswith(_PEER)]
    port = said[0].partition(b":")[2].strip() if said else b""
    return (int(port) if port.isdigit() else 0), b"\r\n".join(kept)


def _kind(answer: bytes) -> str | None:
    """What is endless by its nature, from the answer's head."""
    status = answer.split(b"\r\n", 1)[0].split(b" ")
    if len(status) > 1 and status[1] == b"101":
        return "websocket"
    for line in answer.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-type":
            return "stream" if value.strip().lower().startswith(_ENDLESS) else None
    return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()
