"""How an import goes, told as it happens: a live line, and a tick per table."""

from __future__ import annotations

from tenfold.cli.live_line import LiveLine
from tenfold.importing.model import Copy
from tenfold.observe.report.figures import count


class ImportProgress(LiveLine):
    """A :class:`tenfold.importing.listener.Listener` for people and for programs."""

    def rows(self, copy: Copy, rows: int) -> None:
        """See the protocol."""
        what = f"copying {copy.target.name}:"
        text = f"{what} {rows:,} of {count(copy.source.rows, 'row')}"
        self._going_on(text, what, {"table": str(copy.target.name), "rows": rows})

    def copied(self, copy: Copy, seconds: float) -> None:
        """See the protocol."""
        rows = copy.source.rows
        self._line(f"{copy.target.name}, {count(rows, 'row')}", seconds)
        told = {"table": str(copy.target.name), "rows": rows, "seconds": round(seconds, 3)}
        self._output.event("copied", told)
