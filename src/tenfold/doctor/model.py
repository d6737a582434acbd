"""What a check is, what it finds, and what all of them together come to. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from tenfold.stages import STAGES

FORMAT: Final = 1
"""Of the report's JSON."""

NOW: Final = "10"
"""The first stage that runs: what bites there bites today."""

SEVERAL_HOSTS: Final = "1k"
"""From here on the app runs on more than one host."""

Severity = Literal["fault", "later", "advice"]
F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a check saw.

    ``bites`` is the stage from which it does harm, ``None`` for mere advice. ``evidence`` names
    places (a table, ``file:line``) and never holds a secret. ``fix`` is a command or the lines to
    write.
    """

    what: str
    evidence: tuple[str, ...] = ()
    fix: str = ""
    bites: str | None = NOW


@dataclass(frozen=True, slots=True)
class Check(Generic[F]):
    """One check. ``id`` never changes; its first part is its area. ``why`` is its explanation."""

    id: str
    title: str
    bites: str
    why: str
    find: Callable[[F], Iterable[Seen]]

    @property
    def area(self) -> str:
        """``app`` of ``app.debug``."""
        return self.id.partition(".")[0]


def check(
    id: str, title: str, *, bites: str
) -> Callable[[Callable[[F], Iterator[Seen]]], Check[F]]:
    """Make a check of a function; its docstring is what ``tenfold doctor ID`` explains."""

    def made(find: Callable[[F], Iterator[Seen]]) -> Check[F]:
        return Check(id, title, bites, inspect.cleandoc(find.__doc__ or ""), find)

    return made


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, judged for the stage that the app is at.

    ``fault``: it does harm now. ``later``: it will from ``stage`` on. ``advice``: it may.
    """

    check: str
    severity: Severity
    stage: str | None
    what: str
    evidence: tuple[str, ...]
    fix: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """What was not looked at, why, and what would let it be."""

    what: str
    why: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found; ``passed`` are checks that looked and saw nothing."""

    app: str | None
    stage: str
    state: str
    findings: tuple[Finding, ...]
    passed: tuple[str, ...]
    unseen: tuple[Unseen, ...]

    @property
    def faults(self) -> int:
        """How many things do harm now."""
        return sum(f.severity == "fault" for f in self.findings)

    def of(self, id: str) -> tuple[Finding, ...]:
        """What one check found."""
        return tuple(f for f in self.findings if f.check == id)

    def to_json(self) -> dict[str, Any]:
        """The documented object; the output adds the ``version`` that every object has."""
        return {
            "format": FORMAT,
            "app": self.app,
            "stage": self.stage,
            "state": self.state,
            "faults": self.faults,
            "findings": [asdict(f) for f in self.findings],
            "passed": list(self.passed),
            "not_looked_at": [asdict(u) for u in self.unseen],
        }


def judged(id: str, seen: Seen, stage: str) -> Finding:
    """A finding for an app at this stage."""
    severity: Severity = "advice"
    if seen.bites is not None:
        severity = "fault" if STAGES.index(seen.bites) <= STAGES.index(stage) else "later"
    return Finding(
        id,
        severity,
        seen.bites if severity == "later" else None,
        seen.what,
        seen.evidence,
        seen.fix,
    )


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Faults first, then what bites at the next stages, then advice; else as they came."""
    rank = {"fault": 0, "later": 1, "advice": 2}

    def place(finding: Finding) -> tuple[int, int]:
        return rank[finding.severity], STAGES.index(finding.stage) if finding.stage else 0

    return tuple(sorted(findings, key=place))


def apply(
    checks: Iterable[Check[F]], facts: F, stage: str
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """What these checks find in these facts, and the ids of those that find nothing."""
    findings: list[Finding] = []
    passed: list[str] = []
    for one in checks:
        found = [judged(one.id, seen, stage) for seen in one.find(facts)]
        findings += found
        if not found:
            passed.append(one.id)
    return tuple(findings), tuple(passed)
