"""When to copy, what to let go of, and up to when everything is safe. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tenfold.backups import names
from tenfold.backups.catalogue import Backup

RETRY_SECONDS = 60.0
LONGEST_RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A leader at a moment: where its log ended, and what had been committed.

    ``next_transaction`` is the first number that no transaction had yet; ``quiet``: none was open
    that had one.
    """

    at: float
    position: int
    next_transaction: int
    quiet: bool


def recoverable(samples: Sequence[Sample], archived: int) -> float | None:
    """Up to when all that was committed is in the archive, which ends at position ``archived``.

    While nobody writes, the log does not end its segment, and nothing is missing all the same: then
    it is the last moment at which there was still nothing new.
    """
    found: Sample | None = None
    for sample in samples:
        if sample.position <= archived:
            found = sample
        elif found is None or not found.quiet:
            break
        elif sample.next_transaction == found.next_transaction:
            found = sample
        else:
            break
    return found.at if found else None


def kept(samples: Sequence[Sample], archived: int) -> tuple[Sample, ...]:
    """Those that :func:`recoverable` may still need."""
    safe = [s for s in samples if s.position <= archived]
    return tuple(samples) if not safe else (safe[-1], *(s for s in samples if s.at > safe[-1].at))


def expired(backups: Sequence[Backup], now: float, keep_seconds: float) -> tuple[Backup, ...]:
    """The backups, of those given oldest first, that no wanted moment needs any more.

    The newest that is older than ``keep_seconds`` stays: the moments right behind it need it.
    """
    old = [b for b in backups if b.ended <= now - keep_seconds]
    return tuple(old[:-1])


def unneeded(objects: Iterable[str], oldest: Backup) -> tuple[str, ...]:
    """The parts of the log, by the names of their objects, that lie before a backup.

    What an abandoned timeline has beyond that point stays, and so do all histories.
    """
    return tuple(n for n in objects if names.older(names.wal_name(n), oldest.first_wal))


def next_backup(
    last_ended: float, every_seconds: float, failures: int, last_attempt: float
) -> float:
    """When the next copy is due; at once where there is none, later and later where it fails."""
    if failures:
        wait = min(RETRY_SECONDS * 2.0 ** (failures - 1), LONGEST_RETRY_SECONDS)
        return last_attempt + wait
    return last_ended + every_seconds if last_ended else 0.0


def next_check(last: float, every_seconds: float | None, failed: bool, attempt: float) -> float:
    """When the newest backup is to be tried again; one that failed is tried in an hour."""
    if every_seconds is None:
        return math.inf
    return attempt + LONGEST_RETRY_SECONDS if failed else last + every_seconds


def forks(history: str) -> dict[int, int]:
    """Where the timelines before one were left, in bytes, by their numbers; of the text in which
    PostgreSQL keeps that."""
    found: dict[int, int] = {}
    for line in history.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0].isdecimal():
            high, _, low = words[1].partition("/")
            found[int(words[0])] = (int(high, 16) << 32) + int(low, 16)
    return found


def leads_to(backup: Backup, timeline: int, left: Mapping[int, int]) -> bool:
    """Whether the log of a timeline can be replayed into a backup.

    It cannot into one that was made on a history that was given up, behind where it was left.
    ``left`` is what :func:`forks` tells of the timeline; 0 is whichever there is.
    """
    if timeline in (0, backup.timeline):
        return True
    return backup.last_position <= left.get(backup.timeline, -1)


def fitting(
    backups: Sequence[Backup],
    target: float | None,
    timeline: int = 0,
    left: Mapping[int, int] | None = None,
) -> Backup | None:
    """The newest backup, of those given oldest first, from which a moment of a timeline can be
    reached; see :func:`leads_to`."""
    good = [
        b
        for b in backups
        if (target is None or b.ended <= target) and leads_to(b, timeline, left or {})
    ]
    return good[-1] if good else None
