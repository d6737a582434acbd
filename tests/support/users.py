"""People who use an app all the time, and remember what went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from tests.support.project import Project


class Users:
    """Ordinary clients, who read and write all the time and remember every failure."""

    def __init__(self, project: Project, count: int = 4, *, think_seconds: float = 0.0) -> None:
        self.project = project
        self.think_seconds = think_seconds
        self.stop = threading.Event()
        self.failures: list[str] = []
        self.acknowledged: list[str] = []
        self.acknowledged_at: dict[str, float] = {}
        self.unknown: list[str] = []
        self.excused: list[str] = []
        self.excused_sent: list[float] = []
        """When the requests began that failed and are excused, by ``time.monotonic``."""
        self._harmed_by: str | None = None
        self.versions: set[str] = set()
        self.longest_seconds = 0.0
        self.threads = [threading.Thread(target=self._use, args=(i,)) for i in range(count)]

    def __enter__(self) -> Users:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.leave()

    def leave(self) -> None:
        """No more requests; returns when the last is answered."""
        self.stop.set()
        for thread in self.threads:
            thread.join()

    @contextmanager
    def harmed_by(self, what: str | None) -> Iterator[None]:
        """While the block runs requests may fail, because of this; of ``None`` none does."""
        self._harmed_by = what
        try:
            yield
        finally:
            self._harmed_by = None

    def require_nothing_lost(self) -> None:
        """Every acknowledged note is there once; of those without an answer, once at most."""
        found = self.project.get("/notes").json()
        assert len(found) == len(set(found)), sorted(n for n in found if found.count(n) > 1)
        assert set(self.acknowledged) <= set(found), set(self.acknowledged) - set(found)
        assert set(found) <= {*self.acknowledged, *self.unknown}

    def _failed(self, text: str, how: str, began: float) -> None:
        self.unknown.append(text)
        if self._harmed_by is None:
            self.failures.append(how)
        else:
            self.excused.append(f"{self._harmed_by}: {how}")
            self.excused_sent.append(began)

    def _use(self, who: int) -> None:
        number = 0
        while not self.stop.wait(self.think_seconds):
            number += 1
            text = f"user {who} note {number}"
            began = time.monotonic()
            sent = began
            try:
                home = self.project.get("/")
                sent = time.monotonic()
                note = self.project.request("POST", "/notes", body=text.encode())
            except (OSError, HTTPException) as error:
                self._failed(text, repr(error), sent)
                continue
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            if home.status != 200 or note.status != 201:
                self._failed(text, f"{home.status} {note.status} {note.text}", sent)
            else:
                self.acknowledged.append(text)
                self.acknowledged_at[text] = time.time()
                self.versions.add(home.json()["version"])
