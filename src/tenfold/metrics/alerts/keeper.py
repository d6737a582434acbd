"""Alerts over time: rules after each round, deliveries in a thread of their own, all remembered."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tenfold.agent.diary import say
from tenfold.agent.store import replace_file
from tenfold.metrics.agents import Place
from tenfold.metrics.alerts import memory, queue, send
from tenfold.metrics.alerts.alert import Alert
from tenfold.metrics.alerts.memory import Memory
from tenfold.metrics.alerts.message import message, test
from tenfold.metrics.alerts.queue import Delivery, Queue
from tenfold.metrics.alerts.rules import WINDOW_SECONDS, signs
from tenfold.metrics.alerts.told import Told
from tenfold.metrics.config import read_site
from tenfold.metrics.snapshot import Snapshot

STATE = "alerts.json"
ASKED = "test-alert"
LOOK_EVERY_SECONDS = 0.5
FORMAT = 1


class Alerts:
    """One per site. ``place`` is the host whose agent runs the command."""

    def __init__(
        self, told: Told, data: Path, config: Path, place: Callable[[], Place | None]
    ) -> None:
        self._told, self._place = told, place
        self._path, self._config = data / STATE, config
        self._past: deque[Snapshot] = deque()
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._memory, self._queue, self._answered = _load(self._path)
        self._thread = threading.Thread(target=self._deliver, name="alerts", daemon=True)

    def start(self) -> None:
        """Deliver from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no other delivery; what waits is remembered."""
        self._stopping.set()
        self._thread.join(timeout=1.0)

    def look(self, now: Snapshot) -> None:
        """Raise what is wrong after a round, and say what is over."""
        self._past.append(now)
        while self._past[0].at < now.at - WINDOW_SECONDS or self._past[0].at > now.at:
            self._past.popleft()
        found = signs(tuple(self._past), self._told.limits)
        with self._guard:
            self._memory, events = memory.step(self._memory, found, now.at)
            for event in events:
                say(f"{event.state}: {event.alert.key}: {event.alert.what}")
            site = {"app": now.app, "stage": now.stage, "release": now.release}
            self._put([message(event, site) for event in events], now.at)
            self._save()

    @property
    def firing(self) -> tuple[Alert, ...]:
        """What was told and is not over."""
        return self._memory.firing

    def _put(self, messages: list[dict[str, Any]], now: float) -> None:
        self._queue = self._queue.put(messages, self._told.places, now)

    def _deliver(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_SECONDS):
            with self._guard:
                self._take_test()
                delivery = self._queue.due(time.time())
            if delivery is None:
                continue
            why = self._send(delivery)
            if why is not None:
                say(f"the alert could not be told by {delivery.to}: {why}")
            with self._guard:
                self._queue = self._queue.tried(delivery, why, time.time())
                self._save()

    def _take_test(self) -> None:
        """Somebody asked for a test: each one is sent once, at once, whatever waits."""
        try:
            asked = (self._config / ASKED).read_text().strip()
        except OSError:
            return
        if asked and asked != self._answered:
            self._answered = asked
            now, known = time.time(), read_site(self._config)
            site = {"app": known.app, "stage": known.stage, "release": known.release}
            first = Queue().put([message(test(now, asked), site)], self._told.places, now)
            self._queue = queue.ahead(first, self._queue)
            self._save()

    def _send(self, delivery: Delivery) -> str | None:
        if delivery.to == "webhook" and self._told.webhook is not None:
            return send.to_webhook(self._told.webhook, delivery.message)
        if delivery.to == "command" and self._told.command:
            place = self._place()
            if place is None:
                return "its host is not there"
            return send.to_command(self._told.command, delivery.message, place)
        return None  # the file names it no more

    def _save(self) -> None:
        told = {
            "format": FORMAT,
            "alerts": self._memory.to_json(),
            "queue": self._queue.to_json(),
            "answered": self._answered,
        }
        try:
            replace_file(self._path, json.dumps(told).encode(), 0o644, durable=False)
        except OSError as fault:
            # A full disk: it is told all the same, and perhaps once more after a crash.
            say(f"alerts cannot be remembered: {fault.strerror}")


def _load(path: Path) -> tuple[Memory, Queue, str]:
    """What was remembered; nothing where that cannot be read."""
    try:
        told = json.loads(path.read_text())
        known = memory.from_json(told["alerts"]), queue.from_json(told["queue"])
        return (*known, str(told["answered"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Memory(), Queue(), ""
