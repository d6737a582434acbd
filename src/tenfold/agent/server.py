"""The agent's unix socket: one task per order, which goes on when its caller is gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

from tenfold.agent import orders
from tenfold.agent.diary import say
from tenfold.agent.host import Host
from tenfold.agent.wire import ALIVE_EVERY_SECONDS, MAX_LINE_BYTES, error_to_wire, line
from tenfold.errors import TenfoldError

BACKLOG = 128


def bind(path: Path) -> socket.socket:
    """The agent's own listening socket; whoever holds the host's lock may replace an old one."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(BACKLOG)
    return listener


class Server:
    """Serves one host's orders."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._working: set[asyncio.Task[Any]] = set()

    async def serve(self, listener: socket.socket) -> asyncio.Server:
        """Begin to answer."""
        return await asyncio.start_unix_server(self._converse, sock=listener, limit=MAX_LINE_BYTES)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _is_friend(writer):
                while request := await reader.readline():
                    await self._answer(request, reader, writer)
        except (OSError, ValueError):
            pass  # The caller is gone, or sent no line; its orders go on.
        finally:
            writer.close()

    async def _answer(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        def emit(kind: str, text: str) -> None:
            if not writer.is_closing():
                writer.write(line({kind: text}))

        message = json.loads(request)
        task = asyncio.create_task(self._work(message, emit))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        gone = asyncio.create_task(_hangs_up(reader))
        try:
            while not task.done():
                await asyncio.wait(
                    (task, gone), timeout=ALIVE_EVERY_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if gone.done() and not task.done():
                    if message.get("order") in orders.ENDS_WITH_ITS_CALLER:
                        task.cancel()
                    raise ConnectionResetError
                if not task.done():
                    writer.write(line({"alive": True}))
            writer.write(line(task.result()))
            await writer.drain()
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    async def _work(self, message: dict[str, Any], emit: orders.Emit) -> dict[str, Any]:
        try:
            return {"ok": await orders.carry_out(self._host, message, emit)}
        except TenfoldError as fault:
            return {"error": error_to_wire(fault)}
        except Exception as fault:  # noqa: BLE001 - told to the caller; the agent lives on
            say(f"order {message.get('order')}: {type(fault).__name__}: {fault}")
            return {"error": error_to_wire(fault)}


async def _hangs_up(reader: asyncio.StreamReader) -> None:
    """Return when the other side closes; nothing is consumed that it sends."""
    while not reader.at_eof():
        await asyncio.sleep(0.05)


def _is_friend(writer: asyncio.StreamWriter) -> bool:
    """Whether the caller is the same user, or root; the directory is closed to others anyway."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    peer = writer.get_extra_info("socket")
    size = struct.calcsize("3i")
    uid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, option, size))[1]
    return uid in (0, os.geteuid())
