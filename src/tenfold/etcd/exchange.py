"""One request to whichever member answers, within a bound."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from tenfold.etcd.access import Access
from tenfold.etcd.faults import EtcdError, StaleToken, of_answer

ATTEMPT_SECONDS: Final = 2.0
"""How long one member may take before the next is asked: two elections, as etcd advises them."""
PAUSE_SECONDS: Final = 0.05
LATEST_PAUSE_SECONDS: Final = 0.5
AUTHENTICATE: Final = "/v3/auth/authenticate"


@dataclass
class Exchange:
    """Asks members. May be shared by threads.

    Args:
        access: where and as whom.
        clock: monotonic seconds.
        sleep: waits so many seconds between rounds.
    """

    access: Access
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _first: int = 0
    _token: str | None = None
    _idle: dict[str, list[http.client.HTTPConnection]] = field(default_factory=dict)
    _context: ssl.SSLContext | None = None

    def ask(self, path: str, body: dict[str, Any], within: float) -> dict[str, Any]:
        """The answer of the first member that gives one; each is asked again until then.

        Raises:
            EtcdError: none did ``within`` so many seconds, or one refused.
        """
        deadline = self.clock() + within
        said: dict[str, str] = {}
        pause = PAUSE_SECONDS
        while True:
            for url in self.order():
                left = deadline - self.clock()
                if left <= 0:
                    raise self._silent(said, within)
                try:
                    answer = self._signed(url, path, body, min(left, ATTEMPT_SECONDS))
                except EtcdError as error:
                    if error.kind != "silent":
                        raise
                    said[url] = error.what
                else:
                    self._prefer(url)
                    return answer
            self.sleep(min(pause, max(deadline - self.clock(), 0)))
            pause = min(2 * pause, LATEST_PAUSE_SECONDS)

    def order(self) -> tuple[str, ...]:
        """The members, whoever answered last in front."""
        urls = self.access.urls
        return urls[self._first :] + urls[: self._first]

    def one(self, url: str, path: str, body: dict[str, Any], within: float) -> dict[str, Any]:
        """The answer of this member. Raises ``EtcdError``."""
        return self._signed(url, path, body, within)

    def stream(
        self, url: str, path: str, body: dict[str, Any], within: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """The begin of an answer without end; its connection is the caller's to close.

        Raises:
            EtcdError: this member does not answer.
        """
        connection = self._connect(url, within)
        try:
            return connection, self._send(connection, path, body, self._log_in(url, within))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _unanswered(url, error) from error

    def close(self) -> None:
        """Close what is open and not in use."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _signed(self, url: str, path: str, body: dict[str, Any], within: float) -> dict[str, Any]:
        try:
            return self._exchange(url, path, body, within, self._log_in(url, within))
        except StaleToken:
            if self.access.user is None:
                raise
            self._token = None
            return self._exchange(url, path, body, within, self._log_in(url, within))

    def _log_in(self, url: str, within: float) -> str | None:
        """The token by which we are known, where etcd has users."""
        user, password = self.access.user, self.access.password
        if user is None or password is None or self._token is not None:
            return self._token
        told = {"name": user, "password": password.reveal()}
        try:
            found = self._exchange(url, AUTHENTICATE, told, within, None)
        except EtcdError as error:
            if "authentication is not enabled" in error.what:
                return None
            raise
        self._token = str(found["token"])
        return self._token

    def _exchange(
        self, url: str, path: str, body: dict[str, Any], within: float, token: str | None
    ) -> dict[str, Any]:
        """One request and its answer; on a connection that had been idle for long, once more."""
        kept = self._kept(url)
        try:
            if kept is not None:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    return self._over(kept, url, path, body, within, token)
            return self._over(self._connect(url, within), url, path, body, within, token)
        except (OSError, http.client.HTTPException) as error:
            raise _unanswered(url, error) from error

    def _over(
        self,
        connection: http.client.HTTPConnection,
        url: str,
        path: str,
        body: dict[str, Any],
        within: float,
        token: str | None,
    ) -> dict[str, Any]:
        try:
            if connection.sock is not None:
                connection.sock.settimeout(within)
            response = self._send(connection, path, body, token)
            data = response.read()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.setdefault(url, []).append(connection)
        return _read(url, response.status, data)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        body: dict[str, Any],
        token: str | None,
    ) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = token
        connection.request("POST", path, json.dumps(body).encode(), headers)
        return connection.getresponse()

    def _kept(self, url: str) -> http.client.HTTPConnection | None:
        with self._lock:
            idle = self._idle.get(url)
            return idle.pop() if idle else None

    def _connect(self, url: str, within: float) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        assert parts.hostname is not None, "the URL of a member names its host"
        if parts.scheme != "https":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=within)
        if self._context is None:
            try:
                self._context = self.access.context()
            except OSError as error:
                raise EtcdError(
                    "refused",
                    f"etcd at {url} cannot be asked: a certificate of ours cannot be read: {error}",
                ) from error
        return http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=within, context=self._context
        )

    def _prefer(self, url: str) -> None:
        self._first = self.access.urls.index(url)

    def _silent(self, said: dict[str, str], within: float) -> EtcdError:
        heard = "; ".join(said.values()) or "nobody was asked"
        return EtcdError("silent", f"no member of etcd did it within {within:g} s: {heard}")


def _read(url: str, status: int, data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except ValueError:
        told = None
    if status != 200 or not isinstance(told, dict) or "error" in told:
        raise of_answer(url, status, told)
    return told


def _unanswered(url: str, error: Exception) -> EtcdError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return EtcdError("silent", f"{url} is not trusted: {error.verify_message}")
    if isinstance(error, TimeoutError):
        return EtcdError("silent", f"{url} does not answer")
    if isinstance(error, ConnectionRefusedError):
        return EtcdError("silent", f"nobody listens at {url}")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return EtcdError("silent", f"{url} broke off: {reason}")
