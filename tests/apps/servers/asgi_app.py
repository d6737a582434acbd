"""An ASGI app with all that a handover could break. A plain project: it does not know Tenfold."""

import asyncio
import os
import sys
import time
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute


@asynccontextmanager
async def lifespan(app):
    print("lifespan: up", flush=True)
    yield {"greeting": "hello from the lifespan"}
    print("lifespan: down", flush=True)


async def home(request):
    return JSONResponse(
        {
            "pid": os.getpid(),
            "path": sys.path[:1],
            "argv": sys.argv,
            "greeting": request.state.greeting,
            "scheme": request.url.scheme,
            "client": request.client.host,
            "request_id": request.headers.get("x-request-id"),
            "modules": sorted(m for m in sys.modules if "tenfold" in m and not m.startswith("_")),
        }
    )


async def echo(request):
    body = await request.body()
    if "EXECUTED" in os.environ:
        with open(os.environ["EXECUTED"], "ab") as file:
            file.write(b".")
    return PlainTextResponse(body)


async def early(request):
    """Answers before it has read the body."""
    return PlainTextResponse("no, thank you", status_code=413)


async def upload(request):
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return JSONResponse({"bytes": size})


async def slow(request):
    await asyncio.sleep(float(request.query_params.get("seconds", "1")))
    return PlainTextResponse("done")


async def busy(request):
    """Blocks the event loop, as a driver that waits in an async function does."""
    time.sleep(float(request.query_params["seconds"]))
    return PlainTextResponse("done")


async def background(request):
    async def later():
        await asyncio.sleep(0.5)
        print("background: done", flush=True)

    return PlainTextResponse("ok", background=BackgroundTask(later))


async def huge(request):
    async def parts():
        for number in range(256):
            yield bytes([number]) * 65536

    return StreamingResponse(parts(), media_type="application/octet-stream")


async def drip(request):
    """A long download: it has an end, and must be let to reach it."""

    async def parts():
        for _ in range(10):
            yield b"x" * 10
            await asyncio.sleep(0.1)

    return StreamingResponse(parts(), media_type="application/octet-stream")


async def events(request):
    async def forever():
        while True:
            yield "data: tick\n\n"
            await asyncio.sleep(0.02)

    return StreamingResponse(forever(), media_type="text/event-stream")


async def fail(request):
    raise RuntimeError("this page is broken")


async def hang(request):
    await asyncio.Event().wait()


async def empty(request):
    return Response(status_code=204)


async def item(request):
    return PlainTextResponse(request.path_params["id"])


async def talk(websocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text.upper())


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/", home),
        Route("/echo", echo, methods=["POST"]),
        Route("/early", early, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/slow", slow, methods=["GET", "POST"]),
        Route("/busy", busy),
        Route("/background", background),
        Route("/huge", huge),
        Route("/drip", drip),
        Route("/events", events),
        Route("/fail", fail),
        Route("/hang", hang),
        Route("/empty", empty),
        Route("/items/{id}", item),
        Mount("/shop", routes=[Route("/items/{id}", item)]),
        WebSocketRoute("/talk", talk),
    ],
)


def create_app():
    return app


def broken_factory():
    raise ValueError("no configuration")
