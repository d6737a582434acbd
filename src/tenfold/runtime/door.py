"""The door of a server that cannot take over a socket: an nginx that accepts in its place.

One nginx runs from one *open* to the next *shut*. Each answer ends its connection, so an open
connection is a request; a door that was shut takes no more of them, finishes those it has, and is
gone. Several may stand on the same listening socket, so there is no moment without one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import diag
from .failures import StartFailed

OPEN_SECONDS: Final = 4.0
_AGAIN_SECONDS: Final = 0.002


@dataclass(frozen=True)
class Frame:
    """What every door of one process has in common.

    ``text`` is the configuration, in which ``@NAME@`` stands for what is only known here;
    ``folder`` is the start of the name of each door's own folder.
    """

    nginx: str
    text: str
    folder: str
    fd: int
    values: Mapping[str, str]


class Door:
    """One nginx; see the module."""

    def __init__(self, frame: Frame, number: int) -> None:
        self._frame = frame
        self._folder = Path(f"{frame.folder}.{number}")
        self._process: Process | None = None
        self._worker = 0
        self.is_shut = False

    async def open(self) -> None:
        """Accept from now on.

        Raises:
            StartFailed: nginx did not come up; it has said why in the log.
        """
        self._folder.mkdir(mode=0o700)
        config = self._folder / "nginx.conf"
        config.write_text(self._text())
        frame = self._frame
        command = (frame.nginx, "-e", "stderr", "-p", f"{self._folder}/", "-c", str(config))
        env = {**os.environ, "NGINX": f"{frame.fd};"}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, env=env, pass_fds=[frame.fd], stdin=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            raise StartFailed(f"cannot execute {frame.nginx}: {error.strerror}") from None
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                while not await self._answers():
                    if self._process.returncode is not None:
                        raise StartFailed("nginx, which accepts for the app, ended at once")
                    await asyncio.sleep(_AGAIN_SECONDS)
        except TimeoutError:
            self.cut()
            raise StartFailed(f"nginx did not answer within {OPEN_SECONDS:g} s") from None

    def shut(self) -> None:
        """Accept no more; what it has in hand goes on."""
        self.is_shut = True
        self._signal(signal.SIGQUIT)

    def cut(self) -> None:
        """Drop what it still has in hand."""
        self.is_shut = True
        self._signal(signal.SIGTERM)

    @property
    def is_gone(self) -> bool:
        """Nothing is left of it."""
        return self._process is None or self._process.returncode is not None

    async def gone(self) -> None:
        """Wait until nothing is left of it, then remove its folder."""
        if self._process is not None:
            await self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def connections(self, among: list[diag.TcpSocket]) -> list[diag.TcpSocket]:
        """Those that are its own."""
        own = set() if self.is_gone else diag.inodes(self._worker)
        return [found for found in among if found.inode in own]

    def _text(self) -> str:
        text = self._frame.text
        with socket.socket(fileno=os.dup(self._frame.fd)) as listener:
            address, port = listener.getsockname()[:2]
        listen = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        # As root nginx would give its worker to somebody else, who may not read what is ours.
        user = "user root;" if os.geteuid() == 0 else ""
        found = {"LISTEN": listen, "USER": user, "FOLDER": str(self._folder)}
        for name, value in {**self._frame.values, **found}.items():
            text = text.replace(f"@{name}@", value)
        return text

    async def _answers(self) -> bool:
        """Whether its worker runs; remembers which process that is."""
        try:
            reader, writer = await asyncio.open_unix_connection(f"{self._folder}/s")
        except OSError:
            return False
        try:
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            answer = await reader.read()
        except OSError:
            return False
        finally:
            writer.close()
        digits = answer.rpartition(b"\r\n\r\n")[2].strip()
        self._worker = int(digits) if digits.isdigit() else 0
        return self._worker > 0

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
