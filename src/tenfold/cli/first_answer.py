"""One real request through the edge, timed: what ``tenfold up`` ends with."""

from __future__ import annotations

import http.client
import ssl
import time
from urllib.parse import urlsplit

from tenfold.deployment.status import Status
from tenfold.transitions.wire import reachable

WITHIN_SECONDS = 10.0


def edge_address(status: Status) -> str | None:
    """Where this machine's edge listens, whatever its name leads to elsewhere."""
    for host in status.hosts:
        for unit in host["units"]:
            if unit["name"] == "edge" and unit["endpoint"]:
                address: str = unit["endpoint"].rpartition(":")[0].strip("[]")
                return reachable(address).strip("[]")
    return None


def first_answer(url: str, *, at: str | None = None) -> tuple[str, bool]:
    """What ``/`` answers, in words, and whether that is a good sign.

    Args:
        url: of the site.
        at: the address to ask, by the site's name; default: the one that the name leads to.
    """
    began = time.perf_counter()
    try:
        code = _status(url, at)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer yet: {error}", False
    took = f"first answer {code} in {(time.perf_counter() - began) * 1000:.0f} ms"
    if code == 400:
        return f"{took}: does the app know this host name? (ALLOWED_HOSTS)", False
    if code == 401:
        return f"{took}: it asks for a password", True
    return took, code < 500


def _status(url: str, at: str | None) -> int:
    parts = urlsplit(url)
    name, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    connection = _At(name, port, at or name, _unchecked() if secure else None)
    try:
        # As people ask: the port is named unless it is the usual one.
        connection.request("GET", "/", headers={"Host": parts.netloc})
        return connection.getresponse().status
    finally:
        connection.close()


class _At(http.client.HTTPConnection):
    """A connection to one address that asks for a site by its name."""

    def __init__(self, name: str, port: int, at: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(at, port, timeout=WITHIN_SECONDS)
        self._name, self._tls = name, tls

    def connect(self) -> None:
        super().connect()
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


def _unchecked() -> ssl.SSLContext:
    """The first certificate is self-signed; whether it is a good one is another question."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
