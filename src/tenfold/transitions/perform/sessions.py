"""Superuser sessions that stay open through a transition: connecting takes time that users wait."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from threading import RLock

import psycopg

from tenfold.engines.postgresql.admin import MAINTENANCE
from tenfold.engines.postgresql.login import Connection, Silent, login, opened
from tenfold.engines.protocol import Scene
from tenfold.errors import StepFailed
from tenfold.topology.model import Unit

CONNECT_SECONDS = 10.0
PROBE_SECONDS = 5.0
"""A server that takes longer for nothing at all does not answer."""


@dataclass
class Sessions:
    """One session for each server, by the path of its unit. Closed with :meth:`close`."""

    _open: dict[str, Connection] = field(default_factory=dict)
    _guard: RLock = field(default_factory=RLock)

    def at(self, unit: Unit, scene: Scene, within_seconds: float = CONNECT_SECONDS) -> Connection:
        """A session of the superuser at this unit, opened if there is none that lives.

        Raises:
            StepFailed: the server has a session and does not answer on it.
            TenfoldError: the server cannot be reached.
        """
        with self._guard:
            known = self._open.get(unit.path)
            if known is None or known.closed or not _answers(known, unit.path, within_seconds):
                self.drop(unit.path)
                known = opened(
                    login(unit, scene, "superuser", database=MAINTENANCE),
                    within_seconds=math.ceil(min(within_seconds, CONNECT_SECONDS)),
                )
                self._open[unit.path] = known
            return known

    def drop(self, path: str) -> None:
        """Close the session at this unit, because its server is about to stop."""
        with self._guard:
            known = self._open.pop(path, None)
        if known is not None:
            with contextlib.suppress(psycopg.Error):
                known.close()

    def close(self) -> None:
        """Close all."""
        for path in list(self._open):
            self.drop(path)


def _answers(connection: Connection, path: str, within_seconds: float) -> bool:
    try:
        with connection.within(min(within_seconds, PROBE_SECONDS)):
            connection.execute("SELECT")
    except Silent as error:  # another session would not be answered either
        raise StepFailed(
            f"{path} does not answer: {error}",
            next="see that its host runs and can be reached",
        ) from error
    except psycopg.Error:
        return False
    return True
