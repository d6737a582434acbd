"""Ask a worker over its control socket (:mod:`tenfold.wiring.control`)."""

from __future__ import annotations

import asyncio
from typing import Any

from tenfold.errors import TargetError
from tenfold.wiring import control

ANSWER_SECONDS = 5.0


class NoAnswer(TargetError):
    """The worker's control socket is not there, or does not answer."""


async def ask(
    path: str, /, within_seconds: float = ANSWER_SECONDS, **request: Any
) -> dict[str, Any]:
    """One request, one answer.

    Raises:
        NoAnswer: nobody listens there, or no answer came in time, or it was not one.
    """
    try:
        async with asyncio.timeout(within_seconds):
            return await _exchange(path, request)
    except TimeoutError:
        raise NoAnswer(f"{path} did not answer within {within_seconds:g} s") from None
    except (OSError, ValueError) as fault:
        raise NoAnswer(f"{path}: {getattr(fault, 'strerror', None) or fault}") from fault


async def _exchange(path: str, request: dict[str, Any]) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path, limit=control.MAX_LINE_BYTES)
    try:
        writer.write(control.encode(request))
        await writer.drain()
        answer = await reader.readline()
        if not answer.endswith(b"\n"):
            raise ValueError("the connection closed without an answer")
        return control.decode(answer)
    finally:
        writer.close()
