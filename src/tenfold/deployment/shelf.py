"""Which releases there are, and which served: looked up, nothing built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenfold.errors import Refused
from tenfold.release.store import Store
from tenfold.release.written import written as written_files

if TYPE_CHECKING:
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout


def built(layout: Layout) -> tuple[str, ...]:
    """The releases that are there, the oldest first."""
    return tuple(r.id for r in reversed(Store(layout.shelf).releases()))


def written(layout: Layout, release: str) -> tuple[str, ...]:
    """Files that the app wrote into a release's directory, relative to it."""
    found = Store(layout.shelf).get(release)
    return () if found is None else written_files(found)


def spec_of(layout: Layout, release: str) -> AppSpec:
    """The file that a release was built with.

    Raises:
        Refused: the release is not there.
    """
    found = Store(layout.shelf).get(release)
    if found is None:
        raise Refused(f"release {release} is not there any more", next="tenfold deploy")
    return found.spec(layout.environment)


def served(layout: Layout) -> tuple[str, ...]:
    """The releases that ever served, each once, the one that serves last."""
    history = [s.release for s in Store(layout.shelf).history()]
    return tuple(reversed(dict.fromkeys(reversed(history))))
