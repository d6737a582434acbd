"""Orders to the agent of this very host, in the words of :mod:`tenfold.agent.orders`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tenfold.agent.wire import MAX_LINE_BYTES, error_from_wire, line
from tenfold.errors import TargetError

SLACK_SECONDS = 5.0


class Agent:
    """The agent behind a unix socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def order(self, order: str, bound_seconds: float, /, **arguments: Any) -> Any:
        """Give one order; its result.

        Args:
            order: its name.
            bound_seconds: how long it may take; the answer may come a little later.
            arguments: as the order takes them.

        Raises:
            TenfoldError: what the agent said.
            TargetError: it does not answer.
        """
        try:
            async with asyncio.timeout(bound_seconds + SLACK_SECONDS):
                return await self._exchange({"order": order, **arguments})
        except (OSError, ValueError) as fault:
            raise TargetError(
                f"the agent does not answer to {order}: {fault or 'too late'}"
            ) from fault

    async def _exchange(self, request: dict[str, Any]) -> Any:
        reader, writer = await asyncio.open_unix_connection(str(self._socket), limit=MAX_LINE_BYTES)
        try:
            writer.write(line(request))
            await writer.drain()
            while answer := await reader.readline():
                told = json.loads(answer)
                if "ok" in told:
                    return told["ok"]
                if "error" in told:
                    raise error_from_wire(told["error"])
        finally:
            writer.close()
        raise ConnectionError("it broke off")
