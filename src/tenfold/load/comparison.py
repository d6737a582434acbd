"""Ledger against database: which writes were lost, doubled, or only looked as if. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tenfold.load.record import LedgerRecord


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every write of one run against what the database had at one moment.

    Ids are in the order of sending; `duplicated` has how often each was found.

    Attributes:
        sent, acknowledged, refused, unknown: how many writes the ledger has, by outcome.
        lost: acknowledged, and not there.
        duplicated: there more than once, whatever the outcome.
        unknown_applied, unknown_not_applied: without a known outcome, and there, or not.
        refused_applied: answered with 4xx, and there all the same.
        phantom: there, with this run's id, and not in the ledger: by a request without
            ``ledger = true``, or after a power cut that took unsynced lines with it.
    """

    sent: int
    acknowledged: int
    refused: int
    unknown: int
    lost: tuple[str, ...]
    duplicated: tuple[tuple[str, int], ...]
    unknown_applied: tuple[str, ...]
    unknown_not_applied: tuple[str, ...]
    refused_applied: tuple[str, ...]
    phantom: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """No acknowledged write was lost, and none applied twice."""
        return not self.lost and not self.duplicated


def compare(record: LedgerRecord, found: Iterable[str]) -> Comparison:
    """Compare the ledger with the ids found, one for every place where each was found."""
    times = Counter(found)
    by_outcome: dict[str, list[str]] = {"acknowledged": [], "refused": [], "unknown": []}
    for write_id, outcome in record.outcomes.items():
        by_outcome[outcome].append(write_id)
    unknown = by_outcome["unknown"]
    return Comparison(
        sent=len(record.outcomes),
        acknowledged=len(by_outcome["acknowledged"]),
        refused=len(by_outcome["refused"]),
        unknown=len(unknown),
        lost=tuple(one for one in by_outcome["acknowledged"] if one not in times),
        duplicated=tuple((one, count) for one, count in sorted(times.items()) if count > 1),
        unknown_applied=tuple(one for one in unknown if one in times),
        unknown_not_applied=tuple(one for one in unknown if one not in times),
        refused_applied=tuple(one for one in by_outcome["refused"] if one in times),
        phantom=tuple(one for one in sorted(times) if one not in record.outcomes),
    )


def at_most_share(trials: int) -> float | None:
    """With no event in `trials`, the share that is not exceeded with 95 % confidence: 3 / trials.

    The rule of three (Hanley and Lippman-Hand, JAMA 249:1743, 1983): -ln(0.05) is 2.996. None for
    no trials, from which nothing follows.
    """
    return min(1.0, 3.0 / trials) if trials else None
