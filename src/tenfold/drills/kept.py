"""What a drill has broken, on disk before it is broken: whoever comes next mends it.

The file is there from before the fault until everything is mended. Its first line of defence is the
deployment's lock, which the drill holds: who finds the file and holds the lock knows that the drill
is gone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tenfold.agent.store import replace_file
from tenfold.drills.model import Harm, from_json, to_json
from tenfold.errors import JournalError, Refused

FILE = "drill.json"
FORMAT = 1
TABLE = "own_table"
"""The trace of a table of the drill's own."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One drill's harm; ``None`` before it is done, and once it is mended.

    ``traces`` is what mending needs to know beyond the harm itself: processes, files, names; and
    that the drill has a table of its own in the database.
    """

    drill: str
    pid: int
    since: float
    harm: Harm | None
    traces: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_table(self) -> bool:
        """Whether its table is in the database, or may be."""
        return bool(self.traces.get(TABLE))

    def without_table(self) -> Broken:
        """The same once that is removed."""
        return replace(self, traces={k: v for k, v in self.traces.items() if k != TABLE})

    def sentence(self) -> str:
        """What is broken, for people."""
        if self.harm is not None:
            return self.harm.sentence()
        return "nothing but its own table in the database" if self.has_table else "nothing just now"


class Kept:
    """The file of one deployment.

    Args:
        state: the deployment's ``.tenfold``.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / FILE

    def read(self) -> Broken | None:
        """What is broken, if something is.

        Raises:
            JournalError: the file cannot be read, or is of a newer Tenfold.
        """
        try:
            data = json.loads(self.path.read_bytes())
            if data.pop("format") != FORMAT:
                raise ValueError("its format is another one")
            data.pop("mended", None)  # of an earlier Tenfold, where it meant nothing
            harm = None if data["harm"] is None else from_json(data["harm"])
            return Broken(**{**data, "harm": harm})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
            raise JournalError(
                f"{self.path} says what a drill has broken, and cannot be read: {fault}",
                next=f"rm {self.path}    then  tenfold up    starts what was killed",
            ) from fault

    def write(self, broken: Broken) -> Broken:
        """Durable when this returns.

        Raises:
            Refused: the disk does not take it.
        """
        data = {
            "format": FORMAT,
            "drill": broken.drill,
            "pid": broken.pid,
            "since": broken.since,
            "harm": None if broken.harm is None else to_json(broken.harm),
            "traces": dict(broken.traces),
        }
        try:
            replace_file(self.path, json.dumps(data).encode(), 0o600)
        except OSError as fault:
            raise Refused(f"{self.path} cannot be written: {fault.strerror}") from fault
        return broken

    def trace(self, broken: Broken, **found: Any) -> Broken:
        """Note something that mending needs, before it is made. Raises as :meth:`write`."""
        return self.write(replace(broken, traces={**broken.traces, **found}))

    def mended(self, broken: Broken) -> Broken:
        """Nothing is broken any more; its table may still be there. Raises as :meth:`write`."""
        traces = {TABLE: True} if broken.has_table else {}
        return self.write(replace(broken, harm=None, traces=traces))

    def forget(self) -> None:
        """Nothing is left of it."""
        self.path.unlink(missing_ok=True)
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
