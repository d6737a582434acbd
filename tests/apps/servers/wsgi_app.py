"""A WSGI app with all that a handover could break. A plain project: it does not know Tenfold."""

import json
import os
import sys
import threading
import time
from urllib.parse import parse_qs


def home(environ):
    return json.dumps(
        {
            "pid": os.getpid(),
            "path": sys.path[:1],
            "argv": sys.argv,
            "scheme": environ["wsgi.url_scheme"],
            "request_id": environ.get("HTTP_X_REQUEST_ID"),
            "thread": threading.current_thread() is threading.main_thread(),
            "modules": sorted(m for m in sys.modules if "tenfold" in m and not m.startswith("_")),
        }
    ).encode()


def echo(environ):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if "EXECUTED" in os.environ:
        with open(os.environ["EXECUTED"], "ab") as file:
            file.write(b".")
    return body


def slow(environ):
    time.sleep(float(parse_qs(environ["QUERY_STRING"]).get("seconds", ["1"])[0]))
    return b"done"


def upload(environ):
    size = 0
    while chunk := environ["wsgi.input"].read(65536):
        size += len(chunk)
    return json.dumps({"bytes": size}).encode()


def early(environ):
    """Answers without having read the body."""
    return b"no, thank you"


def fail(environ):
    raise RuntimeError("this page is broken")


def forever():
    while True:
        yield b"data: tick\n\n"
        time.sleep(0.02)


PAGES = {
    "/": home, "/echo": echo, "/slow": slow, "/upload": upload, "/fail": fail, "/early": early,
}


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/events":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return forever()
    if path == "/huge":
        start_response("200 OK", [("Content-Length", str(256 * 65536))])
        return (bytes([n]) * 65536 for n in range(256))
    if path == "/file":
        start_response("200 OK", [("Content-Length", str(os.path.getsize(__file__)))])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    if path not in PAGES:
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    body = PAGES[path](environ)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
