"""The journal: what was intended, what was done, and the facts that outlive a command.

A protocol with compare-and-set and a fencing epoch: whoever begins a transition gets a new epoch,
and a command with an older one can no longer write. On one host it is a file of SQLite, from stage
``1k`` on it is in etcd (:mod:`.etcd`); :class:`MovableJournal` is wherever it is, and moves it.
"""

from tenfold.transitions.journal.model import Contents, Entry, Journal, Outcome, Record, Transition
from tenfold.transitions.journal.movable import MovableJournal, Place
from tenfold.transitions.journal.sqlite import PUT_BACK, SqliteJournal

__all__ = [
    "PUT_BACK",
    "Contents",
    "Entry",
    "Journal",
    "MovableJournal",
    "Outcome",
    "Place",
    "Record",
    "SqliteJournal",
    "Transition",
]
