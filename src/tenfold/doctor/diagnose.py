"""From everything that was looked at to a diagnosis. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tenfold.doctor import catalogue
from tenfold.doctor.checks.extensions import missing
from tenfold.doctor.facts import Looked
from tenfold.doctor.model import Check, Diagnosis, Finding, apply, ordered


def diagnose(looked: Looked) -> Diagnosis:
    """Apply every check whose facts there are."""
    findings: list[Finding] = []
    passed: list[str] = []
    for checks, facts in _areas(looked):
        seen, fine = apply(checks, facts, looked.stage)
        findings += seen
        passed += fine
    return Diagnosis(
        app=looked.name,
        stage=looked.stage,
        state=looked.state,
        findings=ordered(findings),
        passed=tuple(passed),
        unseen=looked.unseen,
    )


def _areas(looked: Looked) -> Iterable[tuple[tuple[Check[Any], ...], Any]]:
    yield catalogue.MACHINE, looked.machine
    yield catalogue.PROJECT, looked.project
    known = looked.app.extensions is not None
    yield tuple(c for c in catalogue.APP if known or c is not missing), looked.app
    if looked.workers is not None:
        yield catalogue.WORKERS, looked.workers
    if looked.redis is not None:
        yield catalogue.REDIS, looked.redis
    if looked.site is not None:
        yield catalogue.SITE, looked.site
    if looked.external is not None:
        yield catalogue.EXTERNAL, looked.external
    if looked.database is not None:
        yield catalogue.DATABASE, looked.database
        if looked.database.prechecks:
            yield catalogue.MOVE, looked.database
