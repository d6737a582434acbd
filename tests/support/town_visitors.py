"""Run in a town: one visitor who asks once, or several who come until SIGTERM, and tell."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import sys
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL


class At(AbstractResolver):
    """Every name leads to one address."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
        return [
            ResolveResult(
                hostname=host, host=self.address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


def context(trust: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=trust or None)
    if not trust:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def session(address: str, trust: str, **options: Any) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(resolver=At(address), ssl=context(trust), **options)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30))


async def ask(url: str, address: str, trust: str) -> dict[str, Any]:
    async with session(address, trust) as client:
        try:
            async with client.get(URL(url, encoded=True), allow_redirects=False) as answer:
                body = await answer.text()
                headers = {k.lower(): v for k, v in answer.headers.items()}
        except aiohttp.ClientError as error:
            return {"status": 0, "error": str(error)}
    return {
        "status": answer.status,
        "headers": headers,
        "body": body,
        **await certificate(URL(url), address, trust),
    }


async def certificate(url: URL, address: str, trust: str) -> dict[str, Any]:
    """What a new visitor is shown."""
    if url.scheme != "https":
        return {}
    from tenfold.certificates import pem

    _, writer = await asyncio.open_connection(
        address, url.port, ssl=context(trust), server_hostname=url.host
    )
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    found = pem.facts(ssl.DER_cert_to_PEM_cert(shown))
    return {"serial": found.serial, "issuer": found.issuer, "self_signed": found.self_signed}


async def visit(url: str, address: str, trust: str) -> dict[str, Any]:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    told: dict[str, Any] = {"answered": 0, "failed": [], "said": 0}

    async def come(client: aiohttp.ClientSession) -> None:
        while not over.is_set():
            try:
                async with client.post(f"{url}/notes", data=b"x") as answer:
                    await answer.read()
                    if answer.status == 201:
                        told["answered"] += 1
                    else:
                        told["failed"].append(str(answer.status))
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                told["failed"].append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.01)

    async def talk(client: aiohttp.ClientSession) -> None:
        async with client.ws_connect(f"{url}/ws") as socket_:
            print("visiting", flush=True)
            while not over.is_set():
                await socket_.send_str("hello")
                if await socket_.receive_str() != "hello":
                    told["failed"].append("the WebSocket said something else")
                told["said"] += 1
                await asyncio.sleep(0.05)

    async with session(address, trust) as lasting, session(address, trust, force_close=True) as new:
        await asyncio.gather(come(lasting), come(lasting), come(new), talk(lasting))
    return told


def main() -> None:
    order, url, address, trust = sys.argv[1:]
    found = asyncio.run({"ask": ask, "visit": visit}[order](url, address, trust))
    print(json.dumps(found))


main()
