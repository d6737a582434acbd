"""Run a command to its end: a unit's preparation, a probe, or what a user asked for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from tenfold.agent.handle import Exit, Process
from tenfold.agent.identity import MARKER
from tenfold.agent.spawn import Plan, spawn

TAIL_LINES = 50
END_SECONDS = 5.0
LAST_LINES_SECONDS = 1.0
_LONGEST_LINE_BYTES = 1 << 16


def shell_code(exit_: Exit) -> int:
    """The exit code as shells give it: 128 + number for a signal, 255 when it is not known."""
    code = exit_.code
    if code is None:
        return 255
    return code if code >= 0 else 128 - code


async def stream(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: str,
    marker: str,
    *,
    output: Callable[[str], None] | None = None,
    persist: Callable[[Process], None] | None = None,
    thorough: bool = True,
) -> tuple[int, str]:
    """Run it, giving each line to ``output``; returns exit code and the last lines.

    When the caller is cancelled the command and all its descendants are ended.

    Raises:
        CannotExecute: there is no such program.
    """
    reader_fd, writer_fd = os.pipe()
    nonce = marker.rpartition("/")[2]
    plan = Plan(argv, {**env, MARKER: marker}, cwd, writer_fd, nonce=nonce, thorough=thorough)
    started: list[Process] = []

    def remember(process: Process) -> None:
        started.append(process)
        if persist is not None:
            persist(process)

    tail: deque[str] = deque(maxlen=TAIL_LINES)

    def line(text: str) -> None:
        tail.append(text)
        if output is not None:
            output(text)

    lines = _Lines(reader_fd, line)
    try:
        try:
            process = await spawn(plan, remember)
        finally:
            os.close(writer_fd)
        exit_ = await process.wait()
        # Everything that the command started has ended with it, so the pipe ends, too.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_LINES_SECONDS):
                await lines.ended.wait()
        lines.close()
        return shell_code(exit_), "\n".join(tail)
    except asyncio.CancelledError:
        await asyncio.shield(_end(started))
        raise
    finally:
        lines.close()
        os.close(reader_fd)


async def output_of(
    argv: Sequence[str], env: Mapping[str, str], cwd: str, marker: str
) -> tuple[int, str]:
    """Exit code and last lines of a short command that leaves nothing behind."""
    return await stream(argv, env, cwd, marker, thorough=False)


async def _end(started: list[Process]) -> None:
    for process in started:
        await process.end(signal.SIGTERM, END_SECONDS)


class _Lines:
    """Splits what comes from a pipe into lines."""

    def __init__(self, fd: int, line: Callable[[str], None]) -> None:
        self._fd = fd
        self._line = line
        self._pending = bytearray()
        self.ended = asyncio.Event()
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._read)

    def close(self) -> None:
        """Stop reading; a last line without its newline counts."""
        asyncio.get_running_loop().remove_reader(self._fd)
        if self._pending:
            self._emit(self._pending)
            self._pending.clear()

    def _read(self) -> None:
        data = os.read(self._fd, _LONGEST_LINE_BYTES)
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
            self.ended.set()
            return
        self._pending.extend(data)
        *lines, rest = self._pending.split(b"\n")
        for line in lines:
            self._emit(line)
        if len(rest) > _LONGEST_LINE_BYTES:
            self._emit(rest)
            rest = bytearray()
        self._pending = rest

    def _emit(self, line: bytearray) -> None:
        self._line(line.decode("utf-8", "replace").rstrip("\r"))
