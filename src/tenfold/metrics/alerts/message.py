"""An event as it is sent: one documented object, for webhooks and commands alike. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tenfold.metrics.alerts.alert import Alert
from tenfold.metrics.alerts.memory import Event

VERSION = 1
SIGNS = {"firing": "✗", "resolved": "✓", "test": "·"}


def message(event: Event, site: Mapping[str, str]) -> dict[str, Any]:
    """``site`` has ``app``, ``stage`` and ``release``. ``text`` is what chats show."""
    alert = event.alert
    over = event.state == "resolved"
    text = f"{SIGNS[event.state]} {site['app']}: {'over: ' if over else ''}{alert.what}"
    return {
        "version": VERSION,
        "id": alert.id,
        "state": event.state,
        "alert": alert.alert,
        "where": alert.subject,
        "what": alert.what,
        "next": None if over else alert.next,
        "since": _iso(alert.since),
        "at": _iso(event.at),
        **site,
        "text": text if over else f"{text}. Next: {alert.next}",
    }


def test(now: float, id: str) -> Event:
    """What ``tenfold alerts test`` sends."""
    alert = Alert(
        id=id,
        alert="test",
        subject="alerts",
        what="this is a test of the alerts: nothing is wrong",
        next="nothing to do",
        since=now,
        seen=now,
        state="firing",
    )
    return Event(alert, "test", now)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
