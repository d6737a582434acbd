"""When a site first answers 200, seen by a client that keeps asking."""

from __future__ import annotations

import http.client
import threading
from time import perf_counter, sleep
from types import TracebackType
from urllib.parse import urlsplit

EVERY_SECONDS = 0.005
PATIENCE_SECONDS = 120.0


class FirstAnswer:
    """Asks from the moment it is entered; leaving it waits for the first 200.

    Connections that are refused are tried again; one that is accepted waits for its answer, as a
    visitor's would. ``longest_refusal`` is how long the longest attempt took that gave no 200:
    more than an instant means that a connection was accepted and forgotten.
    """

    def __init__(self, url: str) -> None:
        self.longest_refusal = 0.0
        self._url = url
        self._found: float | None = None
        self._give_up = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> FirstAnswer:
        self._began = perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._give_up.set()
            return
        self._thread.join(PATIENCE_SECONDS)
        self._give_up.set()

    @property
    def seconds(self) -> float:
        """From entering to the first 200.

        Raises:
            TimeoutError: there was none.
        """
        if self._found is None:
            raise TimeoutError(f"{self._url} never answered 200")
        return self._found

    def _ask(self) -> None:
        while not self._give_up.is_set():
            asked = perf_counter()
            if answers(self._url):
                self._found = perf_counter() - self._began
                return
            self.longest_refusal = max(self.longest_refusal, perf_counter() - asked)
            sleep(EVERY_SECONDS)


def answers(url: str) -> bool:
    """Whether it answers 200 now."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
