"""People who use an app all the time, and remember what went wrong."""

from __future__ import annotations

import threading
import time
from http.client import HTTPException

from tests.support.project import Project


class Users:
    """Ordinary clients, who read and write all the time and remember every failure."""

    def __init__(self, project: Project, count: int = 4) -> None:
        self.project = project
        self.stop = threading.Event()
        self.failures: list[str] = []
        self.acknowledged: list[str] = []
        self.versions: set[str] = set()
        self.longest_seconds = 0.0
        self.threads = [threading.Thread(target=self._use, args=(i,)) for i in range(count)]

    def __enter__(self) -> Users:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _use(self, who: int) -> None:
        number = 0
        while not self.stop.is_set():
            number += 1
            text = f"user {who} note {number}"
            began = time.monotonic()
            try:
                home = self.project.get("/")
                note = self.project.request("POST", "/notes", body=text.encode())
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))
                continue
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            if home.status != 200 or note.status != 201:
                self.failures.append(f"{home.status} {note.status} {note.text}")
            else:
                self.acknowledged.append(text)
                self.versions.add(home.json()["version"])
