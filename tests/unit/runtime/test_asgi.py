from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tenfold.runtime.asgi import Asgi2, AsgiWrapper, Message, Send
from tenfold.runtime.metrics import Routes
from tenfold.runtime.state import ProcessState


def request(kind: str = "http", **scope: Any) -> dict[str, Any]:
    return {"type": kind, "method": "GET", "path": "/", "headers": [], **scope}


class Server:
    """The server's side of one wrapped app."""

    def __init__(self, app: Any, *, may_close: bool = True) -> None:
        self.state = ProcessState("r1")
        self.metrics = Routes()
        self.wrapper = AsgiWrapper(self.state, self.metrics, lambda send: may_close)
        self.wrapper.app = app
        self.sent: list[Message] = []
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def call(self, kind: str = "http", **scope: Any) -> dict[str, Any]:
        full = request(kind, **scope)
        await self.wrapper(full, self.inbox.get, self.send)
        return full

    def counted(self) -> dict[str, dict[str, int]]:
        return {e["route"]: e["classes"] for e in self.metrics.snapshot()}


def answering(status: int = 200, *headers: tuple[bytes, bytes]) -> Any:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})

    return app


async def test_what_the_app_says_passes_through_as_it_is() -> None:
    said: list[Any] = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        said.append(scope)
        start = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
        body = {"type": "http.response.body", "body": b"x"}
        for message in (start, body):
            said.append(message)
            await send(message)

    server = Server(app)
    scope = await server.call(state={"pool": 1})
    assert said[0] is scope
    assert said[1] is server.sent[0]
    assert said[2] is server.sent[1]
    assert scope["state"] == {"pool": 1}


async def test_answers_are_counted_by_route() -> None:
    class Route:
        path = "/items/{id}"

    async def app(scope: Any, receive: Any, send: Send) -> None:
        scope["route"] = route
        await answering(204)(scope, receive, send)

    route = Route()
    server = Server(app)
    await server.call()
    await server.call()
    server.wrapper.app = answering(404)
    await server.call()
    assert server.counted() == {"/items/{id}": {"2xx": 2}, "unmatched": {"4xx": 1}}
    assert server.state.active == 0


async def test_methods_that_clients_make_up_do_not_fill_the_memory() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        scope["route"] = answering
        await answering()(scope, receive, send)

    server = Server(app)
    for number in range(2000):
        await server.call(method=f"M{number}")
    assert len(server.wrapper._known) <= 500
    assert server.metrics.total() == 2000


async def test_an_exception_counts_as_500_and_reaches_the_server() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        raise RuntimeError("broken")

    server = Server(app)
    with pytest.raises(RuntimeError, match="broken"):
        await server.call()
    assert server.counted() == {"unmatched": {"5xx": 1}}
    assert server.state.active == 0


async def test_time_is_taken_until_the_answer_ends_not_the_background_task() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await answering()(scope, receive, send)
        await asyncio.sleep(0.3)

    server = Server(app)
    await server.call()
    (entry,) = server.metrics.snapshot()
    assert entry["seconds"] < 0.2


async def test_answers_while_closing_close_their_connection() -> None:
    server = Server(answering(200, (b"content-type", b"text/plain")))
    server.state.closing = True
    await server.call()
    assert server.sent[0]["headers"] == [
        (b"content-type", b"text/plain"),
        (b"connection", b"close"),
    ]


async def test_not_when_more_input_is_on_its_way() -> None:
    server = Server(answering(), may_close=False)
    server.state.closing = True
    await server.call()
    assert server.sent[0]["headers"] == ()


async def test_the_oldest_request_in_flight_is_known() -> None:
    over = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await over.wait()

    server = Server(app)
    assert server.state.oldest_seconds() == 0.0

    async def other(message: Message) -> None:
        """The second request's own."""

    first = asyncio.create_task(server.call())
    second = asyncio.create_task(server.wrapper(request(), server.inbox.get, other))
    while server.state.active < 2:
        await asyncio.sleep(0)
    before = server.state.oldest_seconds()
    assert 0.0 < before < server.state.oldest_seconds()
    over.set()
    await asyncio.gather(first, second)
    assert (server.state.active, server.state.oldest_seconds()) == (0, 0.0)


async def test_an_endless_stream_is_completed() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        headers = [(b"Content-Type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await asyncio.Event().wait()

    server = Server(app)
    task = asyncio.create_task(server.call())
    while len(server.sent) < 2:
        await asyncio.sleep(0)
    assert (server.state.active, server.state.oldest_seconds()) == (1, 0.0)
    server.wrapper.end_streams(lambda send: task)
    server.wrapper.end_streams(lambda send: task)
    await task
    assert server.sent[-1] == {"type": "http.response.body", "body": b""}
    assert task.cancelling() == 0
    assert server.counted() == {"unmatched": {"2xx": 1}}


async def test_a_stream_with_an_end_is_not_ended() -> None:
    done = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await done.wait()
        await send({"type": "http.response.body", "body": b"last"})

    server = Server(app)
    task = asyncio.create_task(server.call())
    while len(server.sent) < 2:
        await asyncio.sleep(0)
    server.wrapper.end_streams(lambda send: task)
    done.set()
    await task
    assert server.sent[-1]["body"] == b"last"


async def test_a_cancelled_request_stays_cancelled() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await asyncio.Event().wait()

    server = Server(app)
    task = asyncio.create_task(server.call())
    while server.state.active == 0:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.state.active == 0


@pytest.mark.parametrize(
    ("messages", "counted"),
    [
        (["websocket.accept", "websocket.close"], "1xx"),
        (["websocket.close"], "4xx"),
        ([], "5xx"),
    ],
)
async def test_websockets_are_counted_by_how_they_began(messages: list[str], counted: str) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        assert server.state.websockets == 1
        for kind in messages:
            await send({"type": kind})

    server = Server(app)
    await server.call("websocket")
    assert [message["type"] for message in server.sent] == messages
    (entry,) = server.metrics.snapshot()
    assert (entry["method"], entry["classes"]) == ("WEBSOCKET", {counted: 1})
    assert server.state.websockets == 0


async def test_a_lifespan_that_says_why_it_failed() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send({"type": "lifespan.startup.failed", "message": "no cache"})

    server = Server(app)
    await server.call("lifespan")
    assert server.wrapper.start_error == "no cache"


async def test_a_lifespan_that_raises_before_it_has_started() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        raise ConnectionError("no cache")

    server = Server(app)
    with pytest.raises(ConnectionError):
        await server.call("lifespan")
    assert isinstance(server.wrapper.start_error, ConnectionError)


async def test_an_asgi_2_app() -> None:
    def app(scope: Any) -> Any:
        async def instance(receive: Any, send: Send) -> None:
            await answering()(scope, receive, send)

        return instance

    server = Server(Asgi2(app))
    await server.call()
    assert [message["type"] for message in server.sent] == [
        "http.response.start",
        "http.response.body",
    ]


async def test_what_is_raised_behind_a_whole_answer_is_told_and_nothing_else_is_kept_back() -> None:
    told: list[Exception] = []

    def app(*, more: bool) -> Any:
        async def answers(scope: Any, receive: Any, send: Send) -> None:
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"sorry", "more_body": more})
            raise RuntimeError("broken")

        return answers

    server = Server(app(more=False))
    with pytest.raises(RuntimeError):  # by a server that does not close the connection for it
        await server.call()
    server.wrapper._complain = told.append
    await server.call()
    assert [str(error) for error in told] == ["broken"]
    assert server.counted() == {"unmatched": {"5xx": 2}}
    server.wrapper.app = app(more=True)
    with pytest.raises(RuntimeError):
        await server.call()
    assert len(told) == 1
