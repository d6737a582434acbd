"""``python fetch.py FOLDER``: the FastAPI site by httpx in the same process, and files."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
import site_text
from fastapi_site import app


async def main(folder: Path) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/", *(f"/page/{n}/" for n in range(site_text.PAGES))):
            answer = await client.get(path)
            answer.raise_for_status()
            place = folder / path.strip("/")
            place.mkdir(parents=True, exist_ok=True)
            (place / "index.html").write_bytes(answer.content)


asyncio.run(main(Path(sys.argv[1])))
