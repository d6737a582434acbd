"""How the jobs stand, for whoever looks: one object for each, which the scheduler writes down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from tenfold.jobs.book import BAD, KEEP

if TYPE_CHECKING:
    from tenfold.jobs.book import Book

FILE: Final = "report.jsonl"


def lines(book: Book, *, keeps: bool = True) -> Iterator[dict[str, Any]]:
    """One object for each job: as it was told, with what became of it.

    ``running`` are the runs that go on, ``previous`` is the newest one that has ended, and
    ``bad_runs`` how many in a row have not ended well by then. ``missed`` are the slots that went
    by since the last run began, ``missed_at`` is the last of them. ``keeps``: this host keeps the
    schedule now; another one may.
    """
    for job in book.jobs():
        history = book.history(job["name"], KEEP)
        ended = [r for r in history if r.outcome not in (None, "missed")]
        bad = 0
        for run in ended:
            if run.outcome not in BAD:
                break
            bad += 1
        missed = []
        for run in history:
            if run.outcome != "missed":
                break
            missed.append(run)
        yield {
            **job,
            "keeps": keeps,
            "running": [r.to_json() for r in history if r.outcome is None],
            "previous": ended[0].to_json() if ended else None,
            "bad_runs": bad,
            "missed": sum(r.missed for r in missed),
            "missed_at": missed[0].slot if missed else None,
        }
