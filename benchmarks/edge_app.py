"""The app behind the edges of ``edge_choice``: counts what reaches it, pauses, breaks off.

python edge_app.py FD      accept on the inherited listening socket FD
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from contextlib import suppress
from typing import ClassVar


class AppProtocol(asyncio.Protocol):
    """HTTP/1.1, just enough: a head, a body by Content-Length, an answer of two bytes."""

    arrived: ClassVar[dict[str, int]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            size = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            total = end + 4 + (int(size[1]) if size else 0)
            if len(self.buffer) < total:
                return
            body, self.buffer = self.buffer[end + 4 : total], self.buffer[total:]
            self.answer(head.split(b" ", 2)[1].decode(), body)

    def answer(self, path: str, body: bytes) -> None:
        if path == "/arrived":
            self.say(b"200 OK", json.dumps(self.arrived).encode())
            self.arrived.clear()
            return
        key = body.decode(errors="replace")[:40] or path
        self.arrived[key] = self.arrived.get(key, 0) + 1
        if path == "/break-off":
            self.transport.abort()
        elif path == "/elsewhere" and self.arrived[key] == 1:
            self.say(b"409 Conflict", b"")
        else:
            self.say(b"200 OK", str(len(body)).encode())

    def say(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)


async def serve_app(fd: int) -> None:
    """Accept on an inherited socket; SIGUSR1 stops accepting, SIGUSR2 accepts again."""
    loop = asyncio.get_running_loop()
    listener = socket.socket(fileno=fd)
    listener.setblocking(False)

    greeted: set[asyncio.Task[object]] = set()

    def accept() -> None:
        with suppress(BlockingIOError):
            while True:
                connection, _ = listener.accept()
                task = loop.create_task(loop.connect_accepted_socket(AppProtocol, connection))
                greeted.add(task)
                task.add_done_callback(greeted.discard)

    loop.add_signal_handler(signal.SIGUSR1, loop.remove_reader, listener)
    loop.add_signal_handler(signal.SIGUSR2, loop.add_reader, listener, accept)
    loop.add_reader(listener, accept)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve_app(int(sys.argv[1])))
