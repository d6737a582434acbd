"""Is the lease renewed? A thread that asks etcd, and Patroni where etcd is silent."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import threading
import time
from typing import Any, Final

from tenfold.leash import deciding, etcd, processes
from tenfold.leash.config import Config
from tenfold.leash.deciding import FOREVER, Seen, Standing
from tenfold.leash.ending import say
from tenfold.leash.processes import DataDirectory

ROUNDS = 10
"""How often it asks while one lease would run out."""
ETCD_SECONDS: Final = 4.0
"""How long a round asks etcd, of however many members: what Patroni says without etcd is worth
:attr:`~tenfold.leash.deciding.Bounds.agreed_seconds` (13 s), and has to be heard within that."""
PATRONI_SECONDS: Final = 2.0
"""How long it waits for Patroni then."""


class Watch:
    """Asks until the process ends; ``standing`` is what it knows, ``news`` wakes who waits.

    ``holder`` is who had the leader's key when etcd was heard last.
    ``known``: etcd answered, and has the cluster's configuration. ``writes`` and ``until``: whether
    the server accepts writes, and when it has to be gone, as of the last :meth:`why_end`.
    ``patroni`` is its pid, once it runs.
    Only one thread writes ``standing``, and it is replaced as a whole.
    """

    def __init__(self, config: Config, data: DataDirectory, *, adopts: bool) -> None:
        self.standing = Standing(adopts=adopts)
        self.holder: str | None = None
        self.known = False
        self.writes = False
        self.until = FOREVER
        self.patroni = 0
        self._rounds: int | None = None
        self._began: float | None = None
        self._is_marked = False
        self.news, self._tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._config = config
        self._data = data
        self._etcd = etcd.of(config)

    def begin(self) -> None:
        """Have the thread run."""
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def why_end(self, now: float) -> str | None:
        """Why PostgreSQL has to be ended now."""
        standing, self.writes = self.standing, self._data.accepts_writes()
        is_unbound = self.writes and standing.until == FOREVER
        self._began = (now if self._began is None else self._began) if is_unbound else None
        self.until = deciding.end_at(standing, self._began, self._config.bounds)
        if not self.writes:
            return None
        return deciding.must_end(standing.usurped, self.until, now)

    def mark(self) -> None:
        """Have it on the disk that what writes here from now on has a lease, or had one."""
        if self._is_marked or self.standing.adopts:
            return
        try:
            os.close(os.open(self._config.kept, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._is_marked = True
        except OSError as fault:  # It is tried again; only a leash that starts anew needs it.
            say(f"{self._config.kept}: {fault}")

    def unmark(self) -> None:
        """Have it on the disk that what writes here from now on has no lease, nor needs one."""
        self._is_marked = True  # The thread, which still runs, marks nothing any more.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._config.kept)

    def _run(self) -> None:
        pause = self._config.bounds.ttl_seconds / ROUNDS
        while True:
            self.round()
            time.sleep(pause)

    def round(self) -> None:
        """Ask once."""
        wrote = self._data.accepts_writes()
        if self._data.follows():
            self.standing = deciding.followed()
        try:
            self.standing = self._asked(self.standing, wrote=wrote)
        except Exception as fault:  # noqa: BLE001 - an answer that nobody foresaw is none
            say(f"an answer was not understood: {fault!r}")
        self.mark()
        with contextlib.suppress(BlockingIOError):  # Nobody reads: there is news already.
            os.write(self._tell, b"n")

    def _asked(self, standing: Standing, *, wrote: bool) -> Standing:
        config = self._config
        self._etcd.deadline = time.monotonic() + ETCD_SECONDS
        try:
            if not self.known:  # Patroni would start a cluster with its own.
                self._etcd.create(f"{config.prefix}config", json.dumps(config.dynamic))
                self.known = True
            at = now()
            found = self._etcd.leader(f"{config.prefix}leader")
        except etcd.Unreachable:
            return self._agreed(standing)
        self.holder = None if found is None else found.member
        seen = Seen(at, None) if found is None else Seen(at, found.member, found.left_seconds)
        writes = wrote and self._data.accepts_writes()
        standing = deciding.told(standing, seen, config.member, config.bounds, writes=writes)
        return standing if found is not None else self._agreed(standing)

    def _agreed(self, standing: Standing) -> Standing:
        config, at = self._config, now()
        said = _patroni(config)
        # It says so for a whole lease after its last round, also while that never ends.
        rounds, before = processes.waits(self.patroni), self._rounds
        self._rounds = rounds
        goes_on = rounds is not None and rounds != before
        says = said.get("failsafe_mode_is_active") is True or said.get("pause") is True
        agreed = says and goes_on
        return deciding.agreed(standing, at, config.bounds) if agreed else standing


def patroni_state(config: Config) -> str | None:
    """What Patroni says that PostgreSQL does; ``None`` if it does not answer."""
    state = _patroni(config).get("state")
    return state if isinstance(state, str) else None


def _patroni(config: Config) -> dict[str, Any]:
    scheme = "https" if config.tls else "http"
    try:
        _, said = etcd.request(f"{scheme}://{config.api}", "/patroni", config.tls, PATRONI_SECONDS)
    except (OSError, http.client.HTTPException):
        return {}
    return said if isinstance(said, dict) else {}


def now() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
