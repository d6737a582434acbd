"""What a copy for a rehearsal leaves out: nobody shall find it, no authority hear of it, and
nothing of it get among the backups."""

from __future__ import annotations

from tenfold.spec.edge import EdgeTable
from tenfold.spec.model import AppSpec


def rehearsed(spec: AppSpec) -> AppSpec:
    """The same app, on this machine alone: no names, no TLS, no password to come in, no backups,
    and nobody who raises an alarm."""
    kept = {"port", "max_body_bytes", "request_timeout_seconds", "hold_seconds"}
    edge = EdgeTable().model_copy(update={name: getattr(spec.edge, name) for name in kept})
    database = spec.database.model_copy(update={"backup": None})
    left_out = {"database": database, "metrics": None, "alerts": None}
    return spec.model_copy(update={"edge": edge, **left_out})
