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


def edge_addresses(status: Status) -> tuple[tuple[str, int], ...]:
    """Where this machine's edges listen, each with the port that the site's URL stands for."""
    if len(status.urls) > 1:  # browsers try the next address where one cannot be reached
        parts = [urlsplit(url) for url in status.urls.values()]
        return tuple((part.hostname or "", part.port or 0) for part in parts)
    alone = edge_address(status)
    return () if alone is None else ((alone, 0),)


def first_answer(url: str, *, at: str | None = None) -> tuple[str, bool]:
    """What ``/`` answers, in words, and whether that is a good sign.

    Args:
        url: of the site.
        at: the address to ask, by the site's name; default: the one that the name leads to.
    """
    began = time.perf_counter()
    try:
        code = status_of(url, at)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer yet: {error}", False
    took = f"first answer {code} in {(time.perf_counter() - began) * 1000:.0f} ms"
    if code == 400:
        return f"{took}: does the app know this host name? (ALLOWED_HOSTS)", False
    if code == 401:
        return f"{took}: it asks for a password", True
    return took, code < 500


def status_of(
    url: str, at: str | None, *, path: str = "/", within_seconds: float = WITHIN_SECONDS
) -> int:
    """The status of one answer; for ``at`` see :func:`first_answer`.

    Raises:
        OSError, http.client.HTTPException: there was none.
    """
    parts = urlsplit(url)
    name, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    connection = _At(name, port, at or name, _unchecked() if secure else None, within_seconds)
    try:
        # As people ask: the port is named unless it is the usual one.
        connection.request("GET", path, headers={"Host": parts.netloc})
        return connection.getresponse().status
    finally:
        connection.close()


class _At(http.client.HTTPConnection):
    """A connection to one address that asks for a site by its name."""

    def __init__(
        self, name: str, port: int, at: str, tls: ssl.SSLContext | None, timeout: float
    ) -> None:
        super().__init__(at, port, timeout=timeout)
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
