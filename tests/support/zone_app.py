"""A small app that says which zone it is in and writes down what it was asked, before it answers.

``python -m tests.support.zone_app NAME FD LOG``: accepts on the socket that it inherits.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(name: str, listener: socket.socket, log: Path) -> subprocess.Popen[bytes]:
    """The app as a process; it has answered nothing yet, but whoever connects is not refused."""
    fd = listener.fileno()
    argv = [sys.executable, "-m", "tests.support.zone_app", name, str(fd), str(log)]
    return subprocess.Popen(argv, cwd=ROOT, pass_fds=[fd])


async def _serve(name: str, fd: int, log: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head.split("\r\n")
                method, path, _ = line.split(" ")
                told = dict(f.lower().split(": ", 1) for f in fields if ": " in f)
                body = await reader.readexactly(int(told.get("content-length", 0)))
                os.write(log, f"{method} {path}\n".encode())
                if path.startswith("/break-off"):
                    writer.transport.abort()
                    return
                if path.startswith("/slow"):
                    await asyncio.sleep(0.5)
                status = "404 Not Found" if path.startswith("/nowhere") else "200 OK"
                text = f"{name} {len(body)}".encode()
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text
                )
                await writer.drain()
        writer.close()

    sock = socket.socket(fileno=fd)
    sock.setblocking(False)
    server = await asyncio.start_server(answer, sock=sock)
    await server.serve_forever()


if __name__ == "__main__":
    _, own_name, own_fd, own_log = sys.argv
    target = os.open(own_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    asyncio.run(_serve(own_name, int(own_fd), target))
