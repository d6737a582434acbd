"""Pages that are shown as files: made of the project, shown by the edge, compared with the app."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.transitions.steps.base import Step


@dataclass(frozen=True, slots=True)
class MakePages(Step):
    """Make the pages under this id; of a ``release`` where an app is there to be asked for them."""

    id: str
    release: str | None

    def sentence(self) -> str:
        return "make the pages that are shown as files"


@dataclass(frozen=True, slots=True)
class ShowPages(Step):
    """Have the edge show the pages of this id; ``before`` are those that it shows so far."""

    id: str
    before: str | None

    def sentence(self) -> str:
        return f"show the pages of {self.id}"

    def reverse(self) -> Step | None:
        return None if self.before is None else ShowPages(self.before, self.id)


@dataclass(frozen=True, slots=True)
class PrunePages(Step):
    """Remove all pages but the newest ``keep`` and those that are shown."""

    keep: int

    def sentence(self) -> str:
        return f"keep the last {self.keep} makings of the pages"


@dataclass(frozen=True, slots=True)
class ComparePages(Step):
    """Ask the workers of a pool for every published page, and tell what they answer otherwise.

    ``published`` is the URL where the pages are asked for, ``site`` the one by which the app is.
    """

    pool: str
    published: str
    site: str

    def sentence(self) -> str:
        return "compare every published page with the app's answer"
