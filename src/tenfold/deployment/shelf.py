"""Which releases there are, and which served: looked up, nothing built."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from tenfold.errors import Refused
from tenfold.release.pages import PageStore
from tenfold.release.storage import Batch, Kept, conflicts, measure
from tenfold.release.store import Store
from tenfold.release.written import written as written_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout

MOST_FILES = 200_000
"""How many files of a directory are counted at most: some two seconds."""


def built(layout: Layout) -> tuple[str, ...]:
    """The releases that are there, the oldest first."""
    return tuple(r.id for r in reversed(Store(layout.shelf).releases()))


def made_pages(layout: Layout) -> tuple[str, ...]:
    """The ids of the pages that are there, the oldest first; see :mod:`tenfold.release.pages`."""
    return PageStore(layout.pages).ids()


def shown_pages(layout: Layout, id: str | None, roots: Iterable[str]) -> str | None:
    """This id, if its pages are there and the edge of one of these hosts is led to them."""
    store = PageStore(layout.pages)
    if id is None or not store.has(id):
        return None
    return id if any(store.is_shown(id, root) for root in roots) else None


def stored(layout: Layout, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The directories of user files that outlive releases, in the order in which they came."""
    root = Store(layout.shelf).storage
    return tuple(d for d in facts.get("storage", ()) if (root / d).is_dir())


def measured(layout: Layout, directories: Iterable[str]) -> tuple[Kept, ...]:
    """How much user files there are; counting ends at :data:`MOST_FILES` of a directory."""
    root = Store(layout.shelf).storage
    return tuple(measure(root, directory, limit=MOST_FILES) for directory in directories)


def left_behind(layout: Layout, release: str, kept: Iterable[str]) -> tuple[str, ...]:
    """Files that the app wrote into a release and that the next one would not have.

    Those in the directories that are ``kept`` come along, unless another file of their name is
    kept there already.
    """
    store = Store(layout.shelf)
    found = store.get(release)
    if found is None:
        return ()
    names = [*written_files(found)]
    for directory in kept:
        inside = tuple(n for n in names if n.startswith(f"{directory}/"))
        stays = conflicts(store.storage, Batch(found.app, directory, inside))
        names = [n for n in names if n not in inside or n in stays]
    return tuple(names)


def folders(layout: Layout, release: str, names: Iterable[str]) -> tuple[str, ...]:
    """The outermost folders without code that these files of a release lie in."""
    app = Store(layout.shelf).releases_dir / release / "app"
    found = (_without_code(app, name) for name in names)
    return tuple(sorted({folder for folder in found if folder}))


def _without_code(app: Path, name: str) -> str | None:
    outwards = reversed(PurePosixPath(name).parents[:-1])
    return next((str(f) for f in outwards if not any((app / f).rglob("*.py"))), None)


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


def release_of_pages(layout: Layout, id: str | None) -> str | None:
    """The release that pages of this id were made of; ``None`` where none was asked."""
    made = PageStore(layout.pages).get(id) if id is not None else None
    return None if made is None else made.release
