"""Pages that are shown as files, made of the project as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenfold.release.pages import FILES, PageStore, copy

if TYPE_CHECKING:
    from tenfold.secret import Secret
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout

    Variables = Mapping[str, str | Secret]


@dataclass(frozen=True, slots=True)
class PageKeeper:
    """The pages of one deployment; see :class:`tenfold.transitions.perform.world.Pages`.

    With ``into_dist``, as at stage 1, they are those of ``dist/``, which is made and will be
    published; else ``dist/`` is left alone.
    """

    layout: Layout
    spec: AppSpec
    into_dist: bool

    def make(
        self,
        id: str,
        release: str | None,
        variables: Variables | None,
        tell: Callable[[str], None],
    ) -> None:
        """Make the pages: of this release, of the project as it is without one.

        Raises:
            TenfoldError: a page cannot be one, or they cannot be written; nothing else is changed.
        """
        from tenfold.deployment import exporting  # which asks a site that runs for its variables

        if self._store.has(id):
            return
        with self._store.making() as making:
            if self.into_dist:
                made = exporting.export(self.layout, exporting.Request(), _Telling(tell))
                copy(made.folder, making / FILES)
            else:
                own = exporting.Request(into=making / FILES, own=True)
                made = exporting.export(
                    self.layout, own, _Telling(tell), release=release, variables=variables
                )
            self._store.keep(making, id, made.release, self.spec.static.assets)

    def show(self, id: str, hosts: Mapping[str, str]) -> None:
        """See :meth:`PageStore.show`."""
        self._store.show(id, hosts)

    def prune(self, kept: Collection[str]) -> None:
        """See :meth:`PageStore.prune`."""
        self._store.prune(kept)

    def published(self, id: str) -> Iterable[str]:
        """The paths of the pages of an id; not those of static files."""
        made = self._store.get(id)
        return () if made is None else made.paths

    @property
    def _store(self) -> PageStore:
        return PageStore(self.layout.pages)


class _Telling:
    """A listener of an export that tells one line at a time."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def doing(self, text: str) -> None:
        """See :class:`tenfold.export.making.Listener`."""
        self._tell(text)

    def done(self, text: str, seconds: float) -> None:
        """See :class:`tenfold.export.making.Listener`."""
        self._tell(text)
