"""HTTP as it is written: requests that no well-behaved client would send."""

from __future__ import annotations

import asyncio


async def raw(port: int, text: str) -> tuple[int, dict[str, str], bytes]:
    """Send one request, whose lines end in a plain newline here; give status, headers and body.

    The request must ask for the connection to be closed, or be one that the server refuses.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.replace("\n", "\r\n").encode("utf-8", "surrogateescape"))
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:]), body
