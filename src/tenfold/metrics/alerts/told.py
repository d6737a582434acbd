"""Who is told, and from when on."""

from __future__ import annotations

from dataclasses import dataclass, field

from tenfold.metrics.alerts.rules import Limits
from tenfold.secret import Secret


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told, as the file says: a webhook, a command, or both."""

    webhook: Secret | None = None
    command: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def places(self) -> tuple[str, ...]:
        """``webhook`` and ``command``, as far as they are given."""
        return ("webhook",) * (self.webhook is not None) + ("command",) * bool(self.command)
