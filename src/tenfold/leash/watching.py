"""Is the lease renewed? A thread that asks etcd, and Patroni where etcd is silent."""

from __future__ import annotations

import contextlib
import http.client
import os
import threading
import time

from tenfold.leash import deciding, etcd
from tenfold.leash.config import Config
from tenfold.leash.deciding import Seen, Standing
from tenfold.leash.processes import DataDirectory

ROUNDS = 10
"""How often it asks while one lease would run out."""


class Watch:
    """Asks until the process ends; ``standing`` is what it knows, ``news`` wakes who waits.

    Only one thread writes ``standing``, and it is replaced as a whole.
    """

    def __init__(self, config: Config) -> None:
        self.standing = Standing()
        self.writes = False
        self.news, self._tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._config = config
        self._data = DataDirectory(config.data)
        self._etcd = etcd.of(config)

    def begin(self) -> None:
        """Have the thread run."""
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def why_end(self, now: float) -> str | None:
        """Why PostgreSQL has to be ended now."""
        # Whoever became a leader since the last round has just got its lease.
        writes = self.writes and self._data.accepts_writes()
        return deciding.must_end(self.standing, now, writes=writes)

    def _run(self) -> None:
        pause = self._config.bounds.ttl_seconds / ROUNDS
        while True:
            before = self._data.accepts_writes()
            self.standing = self._asked(self.standing)
            self.writes = before and self._data.accepts_writes()
            with contextlib.suppress(BlockingIOError):  # Nobody reads: there is news already.
                os.write(self._tell, b"n")
            time.sleep(pause)

    def _asked(self, standing: Standing) -> Standing:
        config, at = self._config, now()
        try:
            found = self._etcd.leader(f"{config.prefix}leader")
        except etcd.Unreachable:
            return self._agreed(standing)
        seen = Seen(at, None) if found is None else Seen(at, found.member, found.left_seconds)
        standing = deciding.told(standing, seen, config.member, config.bounds)
        return standing if found is not None else self._agreed(standing)

    def _agreed(self, standing: Standing) -> Standing:
        config, at = self._config, now()
        scheme = "https" if config.tls else "http"
        try:
            _, said = etcd.request(f"{scheme}://{config.api}", "/patroni", config.tls, 2.0)
        except (OSError, http.client.HTTPException):
            return standing
        agreed = isinstance(said, dict) and (
            said.get("failsafe_mode_is_active") is True or said.get("pause") is True
        )
        return deciding.agreed(standing, at, config.bounds) if agreed else standing


def now() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
