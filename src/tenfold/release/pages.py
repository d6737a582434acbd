"""Pages that are shown as files: kept for a while, and which of them the edge shows.

::

    pages/ID/files/       as they are published
    pages/ID/about.json   of which release, and at which paths

An id says when they were made. Each folder is whole from the moment at which it has its name.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tenfold.errors import ReleaseError
from tenfold.release import scratch
from tenfold.release.assets import point

FILES: Final = "files"
ABOUT: Final = "about.json"
CURRENT: Final = "current"
"""The link, on a host, to the pages that are shown; see :mod:`tenfold.engines.nginx.pages`."""
NO_PAGES: Final = frozenset({"404.html", "_redirects", "_headers", ".nojekyll", "CNAME"})
"""What static hosts read themselves."""


@dataclass(frozen=True, slots=True)
class Made:
    """Pages that are there. ``release`` is whose answers they are, none of a generator's; ``at`` is
    in seconds since the epoch; ``paths`` are those of pages and feeds, not of static files."""

    id: str
    release: str | None
    at: float
    files: int
    paths: tuple[str, ...]


class PageStore:
    """The folder of all makings of a deployment's pages."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ids(self) -> tuple[str, ...]:
        """Of all that are there, the oldest first."""
        try:
            names = sorted(entry.name for entry in self.root.iterdir())
        except FileNotFoundError:
            return ()
        return tuple(filter(self.has, names))

    def has(self, id: str) -> bool:
        """Whether the pages of this id are there and whole."""
        return (self.root / id / ABOUT).is_file()

    def made(self) -> tuple[Made, ...]:
        """All that are there, the oldest first."""
        return tuple(found for id in self.ids() if (found := self.get(id)) is not None)

    def get(self, id: str) -> Made | None:
        """The pages of this id, if they are there and whole."""
        try:
            about: Mapping[str, Any] = json.loads((self.root / id / ABOUT).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"{self.root / id / ABOUT} cannot be read: {error}",
                next=f"remove {self.root / id}: pages can be made again",
            ) from error
        return Made(id, about["release"], about["at"], about["files"], tuple(about["paths"]))

    def new_id(self, now: float) -> str:
        """An id for pages that are to be made: the second, and a number where that is taken."""
        second = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        taken = set(self.ids())
        numbered = (second, *(f"{second}-{n}" for n in range(2, len(taken) + 3)))
        return next(id for id in numbered if id not in taken)

    @contextmanager
    def making(self) -> Iterator[Path]:
        """A folder for pages in the making, gone afterwards unless it was kept."""
        _folder(self.root)
        with scratch.worded(self.root), scratch.partial(self.root) as making:
            yield making

    def keep(self, making: Path, id: str, release: str | None, assets: Iterable[str]) -> None:
        """Have what was made be the pages of this id.

        Args:
            making: from :meth:`making`, with the files in ``files``.
            id: theirs from now on.
            release: whose answers they are.
            assets: URL prefixes of static files, which are no pages.
        """
        _open(making)
        names = [p.relative_to(making / FILES).as_posix() for p in _files(making / FILES)]
        told = {
            "release": release,
            "at": time.time(),
            "files": len(names),
            "paths": sorted(paths(names, assets)),
        }
        scratch.write_durably(making / ABOUT, json.dumps(told, indent=1) + "\n")
        scratch.settle(making, self.root / id)

    def show(self, id: str, hosts: Mapping[str, str]) -> None:
        """Have the edges of these hosts (name -> root) show them. Each changes at once.

        Raises:
            ReleaseError: they are not there any more.
        """
        if not self.has(id):
            raise ReleaseError(f"the pages of {id} are not there", next="tenfold deploy")
        for root in hosts.values():
            folder = Path(root) / "pages"
            _folder(folder)
            point(folder / CURRENT, str(self.root / id / FILES))
            scratch.sync(folder)

    def is_shown(self, id: str, root: str) -> bool:
        """Whether the edge of the host at this root shows them."""
        try:
            target = os.readlink(Path(root) / "pages" / CURRENT)
        except OSError:
            return False
        return target == str(self.root / id / FILES)

    def prune(self, kept: Collection[str]) -> None:
        """Remove all but these, and what was never finished."""
        for id in self.ids():
            if id not in kept:
                scratch.retire(self.root / id)
        scratch.sweep(self.root)


def paths(names: Iterable[str], assets: Iterable[str]) -> Iterator[str]:
    """The paths of all files but static ones: ``about/index.html`` is ``/about/``. Pure."""
    prefixes = tuple(f"{url.rstrip('/')}/" for url in assets)
    for name in names:
        url = f"/{name}"
        if name in NO_PAGES or "/." in url:
            continue
        if url.endswith("/index.html"):
            url = url.removesuffix("index.html")
        if not url.startswith(prefixes):
            yield url


def _folder(path: Path) -> None:
    """A folder that others may read, whatever mask the caller has."""
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.chmod(0o755)


def copy(source: Path, target: Path) -> None:
    """Copy a folder of pages; links stay links, which the edge does not follow."""
    shutil.copytree(source, target, symlinks=True)


def _open(folder: Path) -> None:
    """Have whoever the edge runs as read them, whatever mask the caller has."""
    for where, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(where, name)
            if not path.is_symlink():
                path.chmod(0o755)
    for path in _files(folder):
        path.chmod(0o644)
    folder.chmod(0o755)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path
