"""Which lines of the logs are wanted, and how a person reads them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tenfold.targets.local.entries import Entry


class Pattern(Protocol):
    """What is looked for in a text; it must take time in proportion to the text."""

    def search(self, text: str) -> Any:
        """Something true where it is found."""


@dataclass(frozen=True, slots=True)
class Query:
    """Lines from ``since`` to ``until`` (seconds since the epoch) of one request, with a pattern.

    Lines of a unit that says no times are wanted whatever the time.
    """

    since: float | None = None
    until: float | None = None
    request: str | None = None
    pattern: Pattern | None = None

    @property
    def selects(self) -> bool:
        """Whether all that fits is wanted, instead of the last lines."""
        return any(v is not None for v in (self.since, self.until, self.request, self.pattern))

    def may_have(self, raw: str) -> bool:
        """A quick look at a line that nobody has read yet."""
        return self.request is None or self.request in raw

    def wants(self, entry: Entry) -> bool:
        """Whether this line is one of them."""
        if entry.at is not None:
            if self.since is not None and entry.at < self.since:
                return False
            if self.until is not None and entry.at > self.until:
                return False
        if self.request is not None and entry.line.request != self.request:
            return False
        return self.pattern is None or bool(self.pattern.search(entry.line.text))


def of_one_request(entries: Iterable[Entry]) -> list[Entry]:
    """In the order in which it went: the edge's line first, which is written last."""
    return sorted(entries, key=began)


def began(entry: Entry) -> float:
    """When a request came to the edge; of any other line when it was written."""
    return entry.key - float(entry.line.fields.get("seconds") or 0.0)


def shown(entry: Entry) -> str:
    """What was printed; a request in one short line."""
    fields = entry.line.fields
    if not fields:
        return entry.line.text
    parts = [f"{fields.get('method')} {fields.get('path')} {fields.get('status')}"]
    parts.append(f"in {_milliseconds(fields.get('seconds'))}")
    if isinstance(fields.get("app_seconds"), int | float):
        parts.append(f"(app {_milliseconds(fields['app_seconds'])})")
    parts.append(f"{fields.get('client')} {fields.get('id')}")
    return " ".join(parts)


def clock(entry: Entry) -> str:
    """The time of day here, to the millisecond; blank where there is none."""
    if entry.at is None:
        return " " * 12
    return datetime.fromtimestamp(entry.at).strftime("%H:%M:%S.%f")[:12]


def to_json(entry: Entry, masked: Callable[[str], str]) -> Mapping[str, Any]:
    """One line for programs; ``masked`` takes out of a text what may not be shown."""
    at = None if entry.at is None else datetime.fromtimestamp(entry.at).astimezone().isoformat()
    told: dict[str, Any] = {
        "host": entry.host,
        "unit": entry.unit,
        "time": at,
        "id": entry.line.request,
    }
    if entry.line.fields:
        fields = entry.line.fields.items()
        told["request"] = {k: masked(v) if isinstance(v, str) else v for k, v in fields}
    return {**told, "line": masked(entry.line.text)}


def _milliseconds(seconds: Any) -> str:
    return f"{seconds * 1000:.0f} ms" if isinstance(seconds, int | float) else "? ms"
