"""What was told and what is still going on. Pure: signs and a time in, the next memory out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from tenfold.metrics.alerts.alert import Alert
from tenfold.metrics.alerts.rules import CLEAR_SECONDS, FOR_SECONDS
from tenfold.metrics.alerts.sign import Sign

MAX_ALERTS = 200


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be told: that an alert fires, or that it is over."""

    alert: Alert
    state: Literal["firing", "resolved", "test"]
    at: float


@dataclass(frozen=True, slots=True)
class Memory:
    """By key. What is pending is not yet told."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Those that were told and are not over, the oldest first."""
        found = (a for a in self.alerts.values() if a.state == "firing")
        return tuple(sorted(found, key=lambda alert: alert.since))

    def to_json(self) -> list[dict[str, Any]]:
        """Plain data."""
        return [asdict(alert) for alert in self.alerts.values()]


def from_json(data: Iterable[Mapping[str, Any]]) -> Memory:
    """What :meth:`Memory.to_json` gave. Raises ``TypeError`` for anything else."""
    found = [Alert(**alert) for alert in data]
    return Memory({alert.key: alert for alert in found})


def step(memory: Memory, signs: Iterable[Sign], now: float) -> tuple[Memory, tuple[Event, ...]]:
    """The memory after these signs, and what is to be told because of them."""
    seen = {sign.key: sign for sign in signs}
    alerts: dict[str, Alert] = {}
    events: list[Event] = []
    for key, alert in memory.alerts.items():
        sign = seen.pop(key, None)
        if alert.state == "firing":
            if sign is not None:
                alerts[key] = _again(alert, sign, now)
            elif abs(now - alert.seen) < CLEAR_SECONDS:
                alerts[key] = alert
            else:
                events.append(Event(alert, "resolved", now))
        elif sign is not None and sign.grave:
            alerts[key] = _again(alert, sign, now)
    for key, sign in seen.items():
        if sign.grave and len(alerts) < MAX_ALERTS:
            alerts[key] = _new(sign, now)
    for key, alert in alerts.items():
        if alert.state == "pending" and now - alert.since >= FOR_SECONDS[alert.alert]:
            alerts[key] = replace(alert, state="firing")
            events.append(Event(alerts[key], "firing", now))
    return Memory(alerts), tuple(events)


def _again(alert: Alert, sign: Sign, now: float) -> Alert:
    """Seen again; of a sign that is not grave any more the words stay those that were told."""
    words = sign if sign.grave else alert
    return replace(alert, seen=now, what=words.what, next=words.next)


def _new(sign: Sign, now: float) -> Alert:
    name = hashlib.sha256(f"{sign.key} {now}".encode()).hexdigest()[:16]
    return Alert(name, sign.alert, sign.subject, sign.what, sign.next, now, now, "pending")
