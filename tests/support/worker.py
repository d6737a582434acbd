"""A small pool worker for tests of the agent: HTTP on an inherited socket, the control protocol.

``worker.py LISTENING_FD CONTROL_PATH``. The environment may change it: ``RELEASE`` is what it
answers, ``BROKEN`` is a traceback that it claims its import raised, ``HEALTH`` the status of its
health request, ``DEAF`` makes it refuse to accept, ``HESITANT`` accept after so many seconds only,
``STUBBORN`` ignore quiesce and close, ``RESTLESS`` refuse to hold; ``PRIVATE`` makes the kernel let
nobody look into it.

``GET /slow=SECONDS`` takes that long, ``GET /endless`` until it is told to close. ``GET
/busy=SECONDS`` blocks the event loop for that long, so that nothing is heard or accepted; ``GET
/late=SECONDS`` as soon as it holds.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from tenfold.wiring import control

PR_SET_DUMPABLE = 4


class Worker:
    def __init__(self, fd: int) -> None:
        self.listener = socket.socket(fileno=fd)
        self.state = control.FAILED if os.environ.get("BROKEN") else control.WARM
        self.conversations: set[asyncio.Task[None]] = set()
        self.open = 0
        self.served = 0
        self.settled = self.gated = False
        self.begun: dict[asyncio.Task[None] | None, float] = {}
        self.endless: set[asyncio.Task[None] | None] = set()
        self.closing = asyncio.Event()
        self.over = asyncio.Event()

    async def serve(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)
        await asyncio.start_unix_server(self._control, path)
        print(f"worker {os.getpid()} is {self.state}", flush=True)
        await self.over.wait()
        await asyncio.sleep(0.02)

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(control.encode(await self.answer(control.decode(line))))
            await writer.drain()
        writer.close()

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["order"]:
            case control.STATUS:
                return self._status()
            case control.PROBE:
                status = int(os.environ.get("HEALTH", "200"))
                return {"ok": True, "status": status, "seconds": 0.0, "body": f"health {status}"}
            case control.ACCEPT if not os.environ.get("DEAF"):
                await asyncio.sleep(float(os.environ.get("HESITANT", "0")))
                self._accept()
                return {"ok": True}
            case control.QUIESCE if not os.environ.get("STUBBORN"):
                self._quiesce()
                return {"ok": True}
            case control.SETTLE if self.state == control.ACCEPTING:
                self.settled = True
                return {"ok": True}
            case control.HOLD if self._may_hold():
                self._stop_accepting(control.HOLDING)
                self.gated = bool(request.get("gate"))
                return {"ok": True}
            case control.CLOSE if not os.environ.get("STUBBORN"):
                self.closing.set()
                return {"ok": True}
            case control.METRICS:
                route = {"method": "GET", "route": "/", "count": self.served}
                return {"ok": True, "routes": [route]}
        return {"ok": False, "error": f"no {request['order']} here"}

    def _status(self) -> dict[str, Any]:
        bounded = [began for task, began in self.begun.items() if task not in self.endless]
        oldest = time.monotonic() - min(bounded) if bounded else 0.0
        status = {
            "ok": True,
            "state": self.state,
            "settled": self.settled,
            "gated": self.gated,
            "connections": self.open,
            "idle": self.open - len(self.begun),
            "active": len(self.begun),
            "oldest_seconds": oldest,
            "tasks": 0,
            "pid": os.getpid(),
        }
        if self.state == control.FAILED:
            status["error"] = os.environ["BROKEN"]
            asyncio.get_running_loop().call_later(0.05, os._exit, control.FAILED_EXIT_CODE)
        return status

    def _may_hold(self) -> bool:
        able = self.state in (control.ACCEPTING, control.HOLDING)
        return able and not os.environ.get("RESTLESS")

    def _accept(self) -> None:
        self.settled = self.gated = False
        self.closing.clear()
        if self.state in (control.WARM, control.HOLDING):
            self.listener.setblocking(False)
            asyncio.get_running_loop().add_reader(self.listener, self._take)
            self.state = control.ACCEPTING

    def _take(self) -> None:
        """Accept and count in one go: asyncio's own server has accepted connections that it has not
        told of yet, and they would be reset when the worker leaves."""
        try:
            connection, _ = self.listener.accept()
        except BlockingIOError:
            return  # Another worker was faster.
        self.open += 1
        task = asyncio.create_task(self._http(connection))
        self.conversations.add(task)
        task.add_done_callback(self.conversations.discard)

    def _stop_accepting(self, state: str) -> None:
        if self.state == control.ACCEPTING:
            asyncio.get_running_loop().remove_reader(self.listener)
        self.state = state

    def _quiesce(self) -> None:
        self._stop_accepting(control.QUIESCING)
        self._leave_when_idle()

    def _leave_when_idle(self) -> None:
        if self.state == control.QUIESCING and self.open == 0:
            self.over.set()

    async def _http(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.begun[asyncio.current_task()] = time.monotonic()
            if head.startswith(b"GET /endless"):
                self.endless.add(asyncio.current_task())
                await self.closing.wait()
            if head.startswith(b"GET /slow"):
                await asyncio.sleep(float(head.split()[1].rpartition(b"=")[2]))
            while head.startswith(b"GET /late") and self.state != control.HOLDING:
                await asyncio.sleep(0.01)
            if head.startswith(b"GET /late"):
                await asyncio.sleep(0.5)  # until it has said that it holds
            if head.startswith((b"GET /busy", b"GET /late")):
                time.sleep(float(head.split()[1].rpartition(b"=")[2]))
            self.served += 1
            body = f"{os.environ.get('RELEASE', '')} {os.getpid()}".encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.begun.pop(asyncio.current_task(), None)
            self.endless.discard(asyncio.current_task())
            self.open -= 1
            self._leave_when_idle()


async def main() -> None:
    if os.environ.get("PRIVATE"):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    await Worker(int(sys.argv[1])).serve(sys.argv[2])


if __name__ == "__main__":
    asyncio.run(main())
