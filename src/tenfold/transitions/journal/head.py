"""The head of a journal in etcd: one small key that every write replaces, on condition. Pure.

It is the fence. A write is one transaction on the condition that the head still has the very bytes
that its writer knows, with the next head among what is written. So a command with an older epoch
writes nothing, and neither does a copy of an earlier request that a slow member delivers late: its
head is gone for good.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

from tenfold.errors import JournalError
from tenfold.transitions.journal.model import Moved, overtaken

FORMAT: Final = 1
State = Literal["copying", "copied", "live", "leaving", "left"]
"""Being filled; filled, and the journal if the file's mark says so; the journal; about to be moved
into the file, so that nobody may write; moved there."""
WRITABLE: Final = frozenset({"copied", "live"})


@dataclass(frozen=True, slots=True)
class Head:
    """Whose turn it is.

    Attributes:
        state: what this is now.
        generation: which journal this is; the mark in the file names it.
        epoch: of the newest transition.
        token: of whoever has this epoch.
        id: of the newest transition.
        sequence: of the write that made this head.
        by: which write that was.
        format: of everything beside it.
    """

    state: State
    generation: str
    epoch: int
    token: str
    id: int
    sequence: int = 0
    by: str = ""
    format: int = FORMAT

    def encoded(self) -> bytes:
        """As it is stored; compared by its bytes."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    def after(self, by: str, **changes: object) -> Head:
        """The head that the write ``by`` leaves behind."""
        state = "live" if self.state == "copied" else self.state
        told = {"state": state, **changes, "sequence": self.sequence + 1, "by": by}
        return replace(self, **told)  # type: ignore[arg-type]


def decoded(data: bytes) -> Head:
    """Read what :meth:`Head.encoded` made.

    Raises:
        JournalError: it is none, or a newer Tenfold's.
    """
    try:
        told = json.loads(data)
        if told["format"] == FORMAT:
            return Head(**told)
        found = f"has format {told['format']}, this Tenfold knows format {FORMAT}"
    except (ValueError, TypeError, KeyError):
        found = "is damaged"
    raise JournalError(
        f"the journal in etcd {found}",
        next="use the version of Tenfold that wrote it, or a newer one",
    )


def require_ours(head: Head | None, generation: str) -> Head:
    """The head, if it is the journal's that the file's mark names.

    Raises:
        JournalError: it is another one's, or there is none.
    """
    if head is not None and head.generation == generation:
        return head
    found = "no journal of this deployment" if head is None else "another journal than the last one"
    raise JournalError(
        f"etcd answers, and has {found}: its data were lost, or restored from elsewhere",
        changed="nothing: the site goes on serving",
        next="tenfold journal restore    puts the last copy back. Restore no snapshot of etcd as"
        " long as Patroni is at work: what it believes then is out of date"
        " (docs/operations/journal.md)",
    )


def require_writable(head: Head, epoch: int | None = None, token: str | None = None) -> None:
    """See that the command with this epoch may write; without one, that anybody may.

    Raises:
        Moved: it is moved, or being moved.
        JournalError: another command has taken over.
    """
    if head.state not in WRITABLE:
        raise Moved("the journal is being moved, or was moved", next="give the command again")
    if epoch is not None and (head.epoch != epoch or token not in (None, head.token)):
        raise overtaken()
