"""A transition when it is over, as frozen data with a version.

Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

FORMAT = 1

Outcome = Literal["done", "failed", "backed-out"]
Phase = Literal["prepare", "switch", "after"]


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One step that was carried out; ``error`` is what it failed with."""

    kind: str
    sentence: str
    began: float
    seconds: float
    error: str | None = None

    @property
    def ended(self) -> float:
        """When it was over."""
        return self.began + self.seconds


@dataclass(frozen=True, slots=True)
class HoldTaken:
    """A time in which requests waited in front of a pool.

    Attributes:
        seconds_postponed: for how long the hold was put off before it began.
        drained: when nothing was in hand any more, where that is known.
    """

    pool: str
    began: float
    ended: float
    seconds_postponed: float = 0.0
    drained: float | None = None

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Slice:
    """The requests that ended within one slice of the timeline.

    ``failed``: answered with 500 or above; ``slowest_ms``: of those that came during the command.
    """

    requests: int = 0
    failed: int = 0
    slowest_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Waits:
    """What the edge's access log says of a transition.

    Attributes:
        count: requests that waited because of a hold.
        longest_ms: the longest wait among them, 0 without any.
        longest_total_ms: the longest that one of them took in all, its wait included.
        bin_ms: the width of the histogram's bins.
        histogram: how many waited for less than 1, 2, 3 ... bins; its sum is ``count``.
        failed: answers of 502, 503 and 504 from shortly before a hold to shortly after it.
        left: clients that went away while they waited.
        requests: that ended during the transition, until ``until``.
        since: when the oldest request in what was read of the log ended.
        until: up to when the log was complete when it was read, or the end of the transition.
        slice_seconds: the width of the timeline's slices.
        timeline: slices from the begin of the transition to ``until``.
    """

    count: int
    longest_ms: float
    longest_total_ms: float
    bin_ms: float
    histogram: tuple[int, ...]
    failed: int
    left: int
    requests: int
    since: float | None
    until: float
    slice_seconds: float
    timeline: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is known of one command's transition.

    Attributes:
        command: ``grow``, ``shrink``, ``reverse``, ``complete``, ``abort`` or ``resume``; or
            ``host drain``, ``host add`` or ``host replace``; ``drill`` is no move: what was broken
            and what came of it is in ``drill``.
        home, goal: the stages between which the app moves.
        before, after: the position on the way between them.
        error, changed, advice: what failed, what is different now because of it, what to do.
        taken_back: what was done to take back what was begun, as sentences.
        waits: ``None`` where the edge's log could not be read.
        verification: what the comparison of follower and leader found.
        checks: findings with ``name``, ``severity``, ``what``, ``evidence`` and ``fix``.
        ledger: the figures of ``tenfold load``, if it was under way at the end.
        choices: the commands that may come next.
        drill: what :meth:`tenfold.deployment.drilling.Drilled.to_json` gives.
        host: which one the command is about; ``None`` where it is about a move between stages.
    """

    app: str
    command: str
    home: str
    goal: str
    before: str
    after: str
    began: float
    ended: float
    outcome: Outcome
    error: str | None = None
    changed: str | None = None
    advice: str | None = None
    steps: tuple[StepTaken, ...] = ()
    taken_back: tuple[str, ...] = ()
    holds: tuple[HoldTaken, ...] = ()
    waits: Waits | None = None
    verification: Mapping[str, Any] | None = None
    checks: tuple[Mapping[str, Any], ...] = ()
    copied_bytes: int | None = None
    ledger: Mapping[str, Any] | None = None
    choices: tuple[str, ...] = ()
    drill: Mapping[str, Any] | None = None
    host: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    def to_json(self) -> dict[str, Any]:
        """Plain data, with the version of its format."""
        return {"format": FORMAT, **asdict(self)}


def from_json(data: Mapping[str, Any]) -> Report:
    """Read what :meth:`Report.to_json` gave.

    Raises:
        ValueError: it is of another format, or no report.
    """
    known = dict(data)
    if (found := known.pop("format", None)) != FORMAT:
        raise ValueError(f"it has format {found!r}, this Tenfold reads format {FORMAT}")
    try:
        known["steps"] = tuple(StepTaken(**step) for step in known["steps"])
        known["holds"] = tuple(HoldTaken(**hold) for hold in known["holds"])
        known["waits"] = _waits(known["waits"])
        for name in ("taken_back", "checks", "choices"):
            known[name] = tuple(known[name])
        return Report(**known)
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no report: {error}") from error


def _waits(data: Mapping[str, Any] | None) -> Waits | None:
    if data is None:
        return None
    timeline = tuple(Slice(**one) for one in data["timeline"])
    return Waits(**{**data, "histogram": tuple(data["histogram"]), "timeline": timeline})


def phase(step: StepTaken, holds: tuple[HoldTaken, ...]) -> Phase:
    """Where a step lies: before requests waited, while they did, or behind that."""
    if not holds or step.ended <= holds[0].began:
        return "prepare"
    return "switch" if step.began < holds[-1].ended else "after"
