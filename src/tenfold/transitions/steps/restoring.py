"""Going back to a moment in the place of what runs."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.transitions.steps.base import Step


@dataclass(frozen=True, slots=True)
class BringBeside(Step):
    """Bring a backup back beside a database that runs, up to a moment.

    ``id`` names what is brought; ``lineage`` and ``backup`` say from where, ``timeline`` along
    which history; ``target`` is the moment in seconds since the epoch, ``None`` for the newest.
    """

    unit: str
    id: str
    lineage: str
    backup: str
    timeline: int
    target: float | None

    def sentence(self) -> str:
        return f"bring backup {self.backup} back beside {self.unit}"


@dataclass(frozen=True, slots=True)
class Exchange(Step):
    """Have a database run on what was brought beside it, and keep what it ran on; or the reverse.

    One exchange of names, so that there is a whole database at every moment.
    """

    unit: str
    id: str
    back: bool = False

    def sentence(self) -> str:
        which = "what it had before" if self.back else "what was brought back"
        return f"start {self.unit} on {which}"

    def reverse(self) -> Step:
        return Exchange(self.unit, self.id, not self.back)


@dataclass(frozen=True, slots=True)
class RemoveBeside(Step):
    """Delete what lies beside a database and is not what it runs on. There is no way back."""

    unit: str
    id: str

    def sentence(self) -> str:
        return f"delete the other data of {self.unit}"
