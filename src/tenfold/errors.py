"""Every exception that Tenfold raises on purpose, as one tree.

::

    TenfoldError                 what, where, what changed, what next; the command line exits 1
    ├── UsageError               the command or the file is wrong; nothing was touched; exit 2
    │   ├── SpecError            tenfold.toml: file, line, key and "did you mean"
    │   └── Ambiguous            several answers fit; candidates to choose one from
    ├── Refused                  a precondition does not hold; nothing was touched
    │   ├── NothingEarlier       there is nothing before that could be brought back
    │   ├── Locked               another command is at work: holder, reason, age
    │   └── PortTaken            a listening address is in use: by whom, if that can be known
    ├── Interrupted              Ctrl-C, SIGTERM or SIGHUP: what that means; exit 130
    ├── ReleaseError             a release could not be built from the project
    ├── ExportError              a static site could not be made: of the app's pages, by a generator
    ├── StepFailed               a step of a plan failed; says what was and was not changed
    │   ├── UnitFailed           a unit did not start or did not become ready: probe, answer, log
    │   ├── NotBegun             a step failed before it changed anything
    │   ├── Superseded           another command has taken over: this one can do nothing more
    │   └── LeftHalfDone         what was begun could not be taken back completely
    ├── PublishError             a site was not published, or not put back; what is served then
    ├── LoadError                load was not made or not judged: setup, ledger or comparison
    ├── TargetError              a host or its agent could not be reached or broke off
    └── JournalError             the journal is unreadable or was written by a newer Tenfold

An error's text follows one shape, which the command line prints as it is::

    what happened, and where
    What changed    for whom, or: nothing
    What next       the command or the edit that leads on
"""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The end of a sentence that refuses a word, with the known one it is most like; empty if it is
    like none. ``cutoff`` is that of :func:`difflib.get_close_matches`."""
    import difflib  # most commands never need it

    close = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return f'; did you mean "{close[0]}"?' if close else ""


class TenfoldError(Exception):
    """Base of every expected failure.

    Args:
        what: what happened and where, one sentence or a few lines.
        changed: what is different now because of it; ``None`` reads "nothing".
        next: what to do; a command or an edit.
        detail: evidence that helps (a traceback, log lines, an answer), already free of secrets.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        changed: str | None = None,
        next: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.changed = changed
        self.next = next
        self.detail = detail


class UsageError(TenfoldError):
    """The command line or the file is wrong; nothing was touched."""

    exit_code = 2


class SpecError(UsageError):
    """``tenfold.toml`` is wrong: the text names file, line and key."""


class Ambiguous(UsageError):
    """Several answers fit, and a person has to choose; ``candidates``, the likely ones first."""

    def __init__(self, what: str, *, candidates: tuple[str, ...], next: str | None = None) -> None:
        super().__init__(what, next=next)
        self.candidates = candidates


class Refused(TenfoldError):
    """A precondition does not hold, so nothing was begun."""


class NothingEarlier(Refused):
    """There is nothing before what is there now that could be brought back."""


class Locked(Refused):
    """Another command holds the deployment's lock."""


class PortTaken(Refused):
    """A listening address is in use by a process that is not part of this deployment."""


class Interrupted(TenfoldError):
    """A person or the system ended the command: Ctrl-C, SIGTERM, SIGHUP."""

    exit_code = 130

    def __init__(
        self, command: str, *, changed: str | None = None, next: str | None = None
    ) -> None:
        super().__init__(
            f"{command} was interrupted",
            changed=changed or "what was begun goes on from here",
            next=next or f"tenfold {command}   again goes on",
        )


class ReleaseError(TenfoldError):
    """A release could not be built from the project."""


class ExportError(TenfoldError):
    """A static site could not be made, of the app's pages or by a generator; says what is there."""


class StepFailed(TenfoldError):
    """A step of a plan failed."""


class UnitFailed(StepFailed):
    """A unit did not start, or never became ready."""


class NotBegun(StepFailed):
    """A step failed before it changed anything, so that there is nothing of it to take back."""


class Superseded(StepFailed):
    """Another command has taken over: this one can do nothing more."""


class LeftHalfDone(StepFailed):
    """What was begun could not be taken back completely."""


class PublishError(TenfoldError):
    """A site could not be published, or an earlier publication not be put back."""


class LoadError(TenfoldError):
    """Load could not be made, or what it wrote could not be compared with the database."""


class TargetError(TenfoldError):
    """A host or its agent could not be reached, or the connection broke off."""


class JournalError(TenfoldError):
    """The journal is unreadable, or was written by a newer Tenfold."""
