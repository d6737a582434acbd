"""Ask a worker over its control socket (:mod:`tenfold.wiring.control`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tenfold.errors import TargetError
from tenfold.wiring import control

ANSWER_SECONDS = 5.0


class NoAnswer(TargetError):
    """The worker's control socket is not there, or does not answer."""


class Conversation:
    """A connection to a worker that carries many questions; see :func:`conversation`."""

    def __init__(
        self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._path = path
        self._reader = reader
        self._writer = writer

    async def ask(self, within_seconds: float = ANSWER_SECONDS, **request: Any) -> dict[str, Any]:
        """One request, one answer.

        Raises:
            NoAnswer: no answer came in time, or it was not one; then nothing more can be asked.
        """
        try:
            async with asyncio.timeout(within_seconds):
                self._writer.write(control.encode(request))
                await self._writer.drain()
                answer = await self._reader.readline()
                if not answer.endswith(b"\n"):
                    raise ValueError("the connection closed without an answer")
                return control.decode(answer)
        except (OSError, ValueError) as fault:
            raise _no_answer(self._path, fault, within_seconds) from fault


@contextlib.asynccontextmanager
async def conversation(
    path: str, within_seconds: float = ANSWER_SECONDS
) -> AsyncIterator[Conversation]:
    """A connection for several questions, which costs the worker less than one for each.

    Raises:
        NoAnswer: nobody listens there.
    """
    try:
        async with asyncio.timeout(within_seconds):
            reader, writer = await asyncio.open_unix_connection(path, limit=control.MAX_LINE_BYTES)
    except OSError as fault:
        raise _no_answer(path, fault, within_seconds) from fault
    try:
        yield Conversation(path, reader, writer)
    finally:
        writer.close()


async def ask(
    path: str, /, within_seconds: float = ANSWER_SECONDS, **request: Any
) -> dict[str, Any]:
    """One request, one answer, on a connection of its own.

    Raises:
        NoAnswer: nobody listens there, or no answer came in time, or it was not one.
    """
    async with conversation(path, within_seconds) as worker:
        return await worker.ask(within_seconds, **request)


def _no_answer(path: str, fault: Exception, within_seconds: float) -> NoAnswer:
    if isinstance(fault, TimeoutError):
        return NoAnswer(f"{path} did not answer within {within_seconds:g} s")
    return NoAnswer(f"{path}: {getattr(fault, 'strerror', None) or fault}")
