"""Superuser sessions that stay open through a transition: connecting takes time that users wait."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from threading import RLock

import psycopg

from tenfold.engines.postgresql.admin import MAINTENANCE
from tenfold.engines.postgresql.login import Connection, login, opened
from tenfold.engines.protocol import Scene
from tenfold.topology.model import Unit


@dataclass
class Sessions:
    """One session for each server, by the path of its unit. Closed with :meth:`close`."""

    _open: dict[str, Connection] = field(default_factory=dict)
    _guard: RLock = field(default_factory=RLock)

    def at(self, unit: Unit, scene: Scene) -> Connection:
        """A session of the superuser at this unit, opened if there is none that lives.

        Raises:
            TenfoldError: the server cannot be reached.
        """
        with self._guard:
            known = self._open.get(unit.path)
            if known is None or known.closed or not _answers(known):
                self.drop(unit.path)
                known = opened(login(unit, scene, "superuser", database=MAINTENANCE))
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


def _answers(connection: Connection) -> bool:
    try:
        connection.execute("SELECT")
    except psycopg.Error:
        return False
    return True
