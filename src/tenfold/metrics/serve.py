"""The gatherer's life: a round every ten seconds, whatever happens to one of them."""

from __future__ import annotations

import gc
import signal
import socket
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

from tenfold.agent.diary import say
from tenfold.engines.metrics.render import HISTORY
from tenfold.metrics.agents import Place, places
from tenfold.metrics.alerts.keeper import Alerts
from tenfold.metrics.config import Config, read
from tenfold.metrics.gather import Gatherer
from tenfold.metrics.history import FINE_SECONDS, History
from tenfold.metrics.points import point
from tenfold.metrics.server import Endpoint
from tenfold.metrics.snapshot import Snapshot
from tenfold.priority import stand_back


def serve(config_path: Path, fd: int) -> None:
    """Gather and serve until somebody ends this process.

    Raises:
        OSError, ValueError, KeyError: the configuration cannot be read.
    """
    config = read(config_path)
    config.data.mkdir(parents=True, exist_ok=True)
    stand_back()  # the site comes first
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    keeper = Keeper(config)
    listener = socket.socket(fileno=fd)
    listener.setblocking(True)
    endpoint = Endpoint(listener, lambda: keeper.latest)
    endpoint.start()
    config.ready.touch()
    say("gathers figures")
    gc.freeze()
    try:
        keeper.run(stopping)
    finally:
        endpoint.stop()
        keeper.close()
    say("leaves")


class Keeper:
    """Gathers, remembers, keeps; what fails in one round is told, and tried again in the next."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._gatherer = Gatherer(config)
        self._history = History(config.data / HISTORY)
        self._alerts: Alerts | None = None
        if config.alerts is not None:
            self._alerts = Alerts(config.alerts, config.data, config.config, self._own_host)
        self._lost = ""
        self.latest: Snapshot | None = None

    def run(self, stopping: threading.Event) -> None:
        """A round at every whole ten seconds, until it is to stop."""
        if self._alerts is not None:
            self._alerts.start()
        while True:
            try:
                self.round()
            except Exception:  # noqa: BLE001 - an unexpected answer must not end all figures
                say("a round failed:\n" + traceback.format_exc())
            now = time.time()
            if stopping.wait(FINE_SECONDS - now % FINE_SECONDS):
                return

    def round(self) -> Snapshot:
        """Gather and keep once."""
        gathered = self._gatherer.round()
        now = replace(gathered, history_bytes=self._history.bytes, history_lost=self._history.lost)
        self._history.add(point(self.latest, now))
        self._tell()
        if self._alerts is not None:
            self._alerts.look(now)
            now = replace(now, alerts=self._alerts.firing)
        self.latest = now
        return now

    def close(self) -> None:
        """Let go of files and threads."""
        if self._alerts is not None:
            self._alerts.stop()
        self._gatherer.close()
        self._history.close()

    def _own_host(self) -> Place | None:
        found = places(self._config.hosts, self._config.host, {})
        return found[0] if found else None

    def _tell(self) -> None:
        """Say once that the history takes nothing, and once that it does again."""
        why = self._history.why
        if why and not self._lost:
            say(f"the history takes nothing: {why}; the site is not concerned")
        if self._lost and not why:
            say(f"the history goes on; {self._history.lost} rounds were lost")
        self._lost = why
