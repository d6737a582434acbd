"""One attempt to bring a unit up, for whoever waits for its outcome."""

from __future__ import annotations

import asyncio

from tenfold.errors import TenfoldError


class Attempt:
    """It is over once, with an error or without."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._error: TenfoldError | None = None

    def finish(self, error: TenfoldError | None) -> None:
        """It has succeeded, or failed with this; only the first call counts."""
        if not self._over.is_set():
            self._error = error
            self._over.set()

    async def outcome(self) -> None:
        """Wait for it. Raises what it failed with."""
        await self._over.wait()
        if self._error is not None:
            raise self._error
