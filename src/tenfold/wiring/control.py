"""How an agent talks to a worker: JSON lines over the worker's unix socket.

One request per line, one answer per line, in order; a connection may carry many. A worker answers
to whoever reconnects, so that it outlives its agent. Requests and answers::

    {"order": "status"}   -> {"ok": true, "state": STATE, "connections": 3, "requests": 812,
                              "active": 1, "release": "4f2c1d9", "pid": 4711}
    {"order": "probe", "path": "/healthz", "host": "localhost"}
                          -> {"ok": true, "status": 200, "seconds": 0.004, "body": "first 2 kB"}
                             the app's own answer to a GET, called inside the process; an exception
                             of the app gives status 500 and "traceback"
    {"order": "accept"}   -> {"ok": true}    start to accept on the inherited listening socket
    {"order": "quiesce"}  -> {"ok": true}    stop accepting; answers carry Connection: close; exit 0
                                             by itself at zero connections
    {"order": "close", "code": 1012}
                          -> {"ok": true}    close WebSockets and endless streams in order
    {"order": "metrics"}  -> {"ok": true, "routes": [...]}
    anything else         -> {"ok": false, "error": "..."}

States, in order: ``importing`` (not listening on anything but control), ``warm`` (the app is
imported, its start-up has run, nothing accepted), ``accepting``, ``quiescing``, ``failed`` (import
or start-up raised; ``error`` holds the traceback; the process exits 3 soon after it was read, or
after five seconds).
"""

from __future__ import annotations

import json
from typing import Any, Final

STATUS: Final = "status"
PROBE: Final = "probe"
ACCEPT: Final = "accept"
QUIESCE: Final = "quiesce"
CLOSE: Final = "close"
METRICS: Final = "metrics"

IMPORTING: Final = "importing"
WARM: Final = "warm"
ACCEPTING: Final = "accepting"
QUIESCING: Final = "quiescing"
FAILED: Final = "failed"

MAX_LINE_BYTES: Final = 1 << 20
FAILED_EXIT_CODE: Final = 3


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
