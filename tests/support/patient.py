"""A project whose users wait for longer than an election takes, as people behind a browser do."""

from __future__ import annotations

from typing import Any

from tests.support.project import Answer, Project

PATIENCE_SECONDS = 60.0
SHORT, LONG = 'health_timeout = "15s"', 'health_timeout = "120s"'


class Patient(Project):
    """See the module. Its workers may take long to start, too: the machine may be busy."""

    @staticmethod
    def of(project: Project) -> Patient:
        spec = project.path / "tenfold.toml"
        spec.write_text(spec.read_text().replace(SHORT, LONG))
        return Patient(project.path, project.port)

    def request(
        self, method: str, path: str, *, timeout: float = PATIENCE_SECONDS, **more: Any
    ) -> Answer:
        return super().request(method, path, timeout=max(PATIENCE_SECONDS, timeout), **more)
