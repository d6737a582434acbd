"""How an agent talks to a worker: JSON lines over the worker's unix socket.

One request per line, one answer per line, in order; a connection may carry many. A worker answers
to whoever reconnects, so that it outlives its agent. Requests and answers::

    {"order": "status"}   -> {"ok": true, "state": STATE, "settled": false, "connections": 3,
                              "idle": 2, "active": 1, "oldest_seconds": 0.004, "websockets": 0,
                              "tasks": 1, "requests": 812, "release": "4f2c1d9", "pid": 4711}
    {"order": "probe", "path": "/healthz", "host": "localhost"}
                          -> {"ok": true, "status": 200, "seconds": 0.004, "body": "first 2 kB"}
                             the app's own answer to a GET, called inside the process; an exception
                             of the app gives status 500 and "traceback"
    {"order": "accept"}   -> {"ok": true}    accept on the inherited listening socket, and keep
                                             connections; from warm, from holding, and any number of
                                             times; ends what settle, hold and close began
    {"order": "settle"}   -> {"ok": true}    go on accepting, but let every answer carry
                                             Connection: close, so that kept connections run out
    {"order": "hold"}     -> {"ok": true}    stop accepting without leaving: connections wait in the
                                             kernel; answers carry Connection: close. With
                                             "gate": true requests that come on kept connections
                                             wait, too, and do not count as long as they do
    {"order": "quiesce"}  -> {"ok": true}    stop accepting; answers carry Connection: close; exit 0
                                             by itself at zero connections
    {"order": "close", "code": 1012}
                          -> {"ok": true}    close WebSockets and endless streams in order; while
                                             holding or quiescing also those that begin later
    {"order": "refresh", "port": 5433}
                          -> {"ok": true, "refreshed": {"sqlalchemy": 1}, "unknown": 0,
                              "faults": []}
                             another database leads at that port: pools let go of connections that
                             they have kept; "refreshed" counts pools by library, "unknown" is
                             how many broken connections are left that belong to none of them
    {"order": "metrics"}  -> {"ok": true, "routes": [...]}
    anything else         -> {"ok": false, "error": "..."}

States: ``importing`` (not listening on anything but control), ``warm`` (the app is imported, its
start-up has run, nothing accepted), ``accepting``, ``holding`` (from ``accepting`` and back),
``quiescing`` (the last, from any of these), ``failed`` (import or start-up raised; ``error`` holds
the traceback; the process exits 3 soon after it was read, or after five seconds).

What a status counts, over all processes of a group:

- ``connections``: open ones, WebSockets included; those accepted but not yet known to the server;
  and, while ``holding``, one for each worker that has not yet stopped accepting.
- ``idle``: connections with no request in hand.
- ``active``: HTTP requests whose call of the app has not returned (with an ASGI app that includes
  background tasks behind the answer). ``oldest_seconds``: for how long the oldest of them has been
  running, 0.0 if there is none; responses that ``close`` would end do not count in this one.
- ``tasks``: calls of an ASGI app that have not returned. They can outlive their connection.
- ``settled``: ``settle`` has come and neither ``hold`` nor ``accept`` since.

A process is *drained* when its state is ``holding`` and ``connections``, ``active`` and ``tasks``
are 0: it runs no request, and will run none before the next ``accept``.
"""

from __future__ import annotations

import json
from typing import Any, Final

STATUS: Final = "status"
PROBE: Final = "probe"
ACCEPT: Final = "accept"
SETTLE: Final = "settle"
HOLD: Final = "hold"
QUIESCE: Final = "quiesce"
CLOSE: Final = "close"
REFRESH: Final = "refresh"
METRICS: Final = "metrics"

IMPORTING: Final = "importing"
WARM: Final = "warm"
ACCEPTING: Final = "accepting"
HOLDING: Final = "holding"
QUIESCING: Final = "quiescing"
FAILED: Final = "failed"

MAX_LINE_BYTES: Final = 1 << 20
FAILED_EXIT_CODE: Final = 3
KILLED_EXIT_CODE: Final = 4
"""All went well, but the user's own command did not end by SIGTERM and had to be killed."""


def encode(message: dict[str, Any]) -> bytes:
    """One line of the protocol."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """One message.

    Raises:
        ValueError: not a JSON object.
    """
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a control message is a JSON object")
    return message
