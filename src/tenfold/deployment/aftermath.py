"""What a failed command left behind, said from where the users stand. Pure."""

from __future__ import annotations

import re

from tenfold.errors import TenfoldError, UnitFailed
from tenfold.transitions.journal import Record
from tenfold.transitions.steps import Handover, flatten, from_json

_MISSING = re.compile(r"^KeyError: '([A-Za-z_][A-Za-z0-9_]*)'$", re.MULTILINE)
NOT_BEGUN = "nothing for your users: no step was begun yet"
AGAIN = "mend that, then  tenfold {command}  again"


def explain(error: TenfoldError, record: Record | None, serving: str | None) -> None:
    """Give an error of a step the words that are true now that everything was taken back.

    Args:
        error: its ``changed`` is that of one step, and is replaced; so is a unit's ``next``.
        record: the transition that failed; past the point of no return nothing is said.
        serving: the release that serves now, if one does.
    """
    if record is None or record.outcome != "backed-out":
        return
    if serving:
        changed = f"nothing for your users: release {serving} went on serving"
    elif record.steps and record.steps[0]["step"] == "MakePages":  # nothing was to be started
        changed = "nothing: what was shown is shown still"
    else:
        changed = "nothing: what was started is stopped again"
    if _migrated(record):
        changed += "; the migration stays, schemas do not roll back"
    error.changed = changed
    missing = _MISSING.search(error.detail or "")
    if missing and "os.environ" in (error.detail or ""):
        error.next = f'the app sees only what [env] names: {missing[1]} = "${{{missing[1]}}}"'
        return
    if isinstance(error, UnitFailed) or error.next is None:
        error.next = AGAIN.format(command=record.kind)


def goes_back_to(record: Record | None) -> str | None:
    """The release that the newest transition was to return to, if it is a rollback that was cut
    off: given again, it goes on, also where that release serves already."""
    if record is None or record.kind != "rollback" or record.outcome in ("done", "backed-out"):
        return None
    steps = flatten(tuple(from_json(step) for step in record.steps))
    found = [step.release for step in steps if isinstance(step, Handover)]
    return found[-1] if found else None


def _migrated(record: Record) -> bool:
    return any(record.steps[position]["step"] == "Migrate" for position in record.done)
