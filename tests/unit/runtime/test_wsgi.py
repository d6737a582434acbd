from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest

from tenfold.runtime.board import Board, Row
from tenfold.runtime.metrics import Routes
from tenfold.runtime.wsgi import WsgiWrapper


class Server:
    """The server's side of one wrapped app."""

    def __init__(self, app: Any) -> None:
        self.row = Board(1).row(0)
        self.closing = self.ending = False
        self.closes = 0
        self.closed: list[Callable[..., Any]] = []
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.wrapper = WsgiWrapper(
            app,
            self.row,
            Routes(),
            release="4f2c1d9",
            gated=lambda: False,
            closing=lambda: self.closing,
            ending=lambda: self.ending,
            closes=lambda: self.closes,
            close_behind=self.closed.append,
        )

    def start_response(self, status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        self.status, self.headers = status, headers
        return lambda data: None

    def call(self, **environ: Any) -> Iterable[bytes]:
        full = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", **environ}
        return self.wrapper(full, self.start_response)

    def run(self, **environ: Any) -> bytes:
        body = self.call(**environ)
        text = b"".join(body)
        body.close()  # type: ignore[attr-defined]
        return text

    def counted(self) -> dict[str, dict[str, int]]:
        return {e["route"]: e["classes"] for e in self.wrapper.snapshot()}


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


def test_an_answer_names_its_release_and_is_counted() -> None:
    server = Server(hello)
    assert server.run() == b"hello"
    assert server.headers == [("Content-Length", "5"), ("Tenfold-Release", "4f2c1d9")]
    assert server.counted() == {"unmatched": {"2xx": 1}}
    assert list(server.row.cells[:4]) == [0, 0, 0, 1]


def test_a_request_is_active_until_its_body_is_closed() -> None:
    server = Server(hello)
    body = server.call()
    assert server.row.cells[Row.ACTIVE] == 1
    body.close()  # type: ignore[attr-defined]
    body.close()  # type: ignore[attr-defined]
    assert server.row.cells[Row.ACTIVE] == 0


def test_the_oldest_request_in_flight_is_on_the_board() -> None:
    server = Server(hello)
    assert server.row.cells[Row.OLDEST] == 0
    before = perf_counter()
    first, second = server.call(), server.call()
    began = server.row.cells[Row.OLDEST]
    assert before - 1e-6 <= began / 1e6 <= perf_counter()
    first.close()  # type: ignore[attr-defined]
    assert server.row.cells[Row.OLDEST] >= began
    second.close()  # type: ignore[attr-defined]
    assert server.row.cells[Row.OLDEST] == 0


def test_an_exception_counts_as_500_and_reaches_the_server() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise RuntimeError("broken")

    server = Server(app)
    with pytest.raises(RuntimeError, match="broken"):
        server.call()
    assert server.counted() == {"unmatched": {"5xx": 1}}
    assert server.row.cells[Row.ACTIVE] == 0


def test_the_apps_own_body_is_closed() -> None:
    class Body:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

        def close(self) -> None:
            self.closed += 1

    body = Body()

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return body

    assert Server(app).run() == b"x"
    assert body.closed == 1


def test_a_generator_that_starts_its_response_late() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("201 Created", [])
        yield b"late"

    server = Server(app)
    assert server.run() == b"late"
    assert server.status == "201 Created"
    assert server.counted() == {"unmatched": {"2xx": 1}}


def test_the_servers_own_file_wrapper_comes_back_so_that_it_can_send_the_file() -> None:
    file = io.BytesIO(b"content")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    server = Server(app)
    body = server.call(**{"wsgi.file_wrapper": FileWrapper})
    assert isinstance(body, FileWrapper)
    body.close()
    assert file.closed
    assert server.counted() == {"unmatched": {"2xx": 1}}


def test_answers_while_closing_close_their_connection() -> None:
    server = Server(hello)
    server.run()
    assert server.closed == []
    server.closing = True
    server.run()
    assert server.closed == [server.start_response]


def ticking(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return iter(lambda: b"data: tick\n\n", None)


def test_an_endless_stream_ends_with_its_next_piece() -> None:
    server = Server(ticking)
    body = iter(server.call())
    assert next(body) == next(body)
    server.ending = True
    assert list(body) == []
    assert server.run() == b"data: tick\n\n"


def test_streams_that_begin_after_a_close_live_on() -> None:
    server = Server(ticking)
    before = iter(server.call())
    assert next(before)
    server.closes += 1
    after = iter(server.call())
    assert list(before) == []
    assert next(after) == next(after)


def test_an_endless_stream_does_not_count_as_the_oldest_request() -> None:
    server = Server(ticking)
    body = server.call()
    assert (server.row.cells[Row.ACTIVE], server.row.cells[Row.OLDEST]) == (1, 0)
    body.close()  # type: ignore[attr-defined]
    assert (server.row.cells[Row.ACTIVE], server.row.cells[Row.OLDEST]) == (0, 0)


def test_other_streams_are_left_to_end_by_themselves() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/csv")])
        return iter([b"1", b"2", b"3"])

    server = Server(app)
    server.ending = True
    assert server.run() == b"123"


def test_the_error_of_a_second_start_is_passed_on() -> None:
    given: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("500 Oh", [], (ValueError, ValueError("x"), None))
        return [b""]

    server = Server(app)
    original = server.start_response
    server.start_response = lambda *a: (given.append(a), original(*a))[1]  # type: ignore[method-assign]
    server.run()
    assert given[0][2][0] is ValueError


def test_wrapper_and_app_keep_to_the_rules_of_wsgi() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]

    server = Server(validator(app))
    checked = validator(server.wrapper)
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    body = checked(environ, server.start_response)
    assert b"".join(body) == b"ok"
    body.close()  # type: ignore[attr-defined]
