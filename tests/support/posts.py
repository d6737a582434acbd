"""Clients that post without pause and are strict about what becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

_REQUEST = b"POST /from-%d-%d HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"


@dataclass
class Outcome:
    """What became of the requests."""

    answered: int = 0
    refused: int = 0
    failed: list[str] = field(default_factory=list)


class Posts:
    """Clients that post one request after the other, over kept connections unless told otherwise.

    Nothing is repeated; a connection is used again unless its end has been seen. Use it as an
    asynchronous context: at its end the clients finish what they have begun.
    """

    def __init__(self, port: int, *, clients: int = 6, keep: bool = True) -> None:
        self.port, self.clients, self.keep = port, clients, keep
        self.outcome = Outcome()
        self._over = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Posts:
        self._tasks = [asyncio.create_task(self._client(n)) for n in range(self.clients)]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over = True
        if kind is not None:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=kind is not None)

    async def more(self, count: int = 20) -> None:
        """Wait until that many more requests are answered."""
        wanted = self.outcome.answered + count
        async with asyncio.timeout(60):
            while self.outcome.answered < wanted:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.005)

    async def _client(self, number: int) -> None:
        count = 0
        while not self._over:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                self.outcome.refused += 1
                await asyncio.sleep(0.01)
                continue
            try:
                while not self._over and not reader.at_eof():
                    count += 1
                    writer.write(_REQUEST % (number, count))
                    if not await self._answered(reader) or not self.keep:
                        break
                    # Pauses of 0 to 12 ms, so that reloads meet idle connections and busy ones.
                    await asyncio.sleep((number * 7919 + count * 104729) % 13 / 1000)
            finally:
                writer.close()

    async def _answered(self, reader: asyncio.StreamReader) -> bool:
        """Read one answer; whether the connection may be used again."""
        try:
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = answer.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        except (OSError, EOFError) as error:
            self.outcome.failed.append(repr(error))
            return False
        if not answer.startswith(b"http/1.1 200 "):
            self.outcome.failed.append(answer.split(b"\r\n")[0].decode())
        self.outcome.answered += 1
        return b"\r\nconnection: close" not in answer
