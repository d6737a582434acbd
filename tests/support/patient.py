"""A project whose users wait for longer than an election takes, as people behind a browser do."""

from __future__ import annotations

from typing import Any

from tests.support.project import Answer, Project

PATIENCE_SECONDS = 60.0


class Patient(Project):
    """See the module."""

    def request(
        self, method: str, path: str, *, timeout: float = PATIENCE_SECONDS, **more: Any
    ) -> Answer:
        return super().request(method, path, timeout=max(PATIENCE_SECONDS, timeout), **more)
