"""Opening the deployment's journal, wherever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tenfold.state import secrets
from tenfold.transitions.journal import MovableJournal

if TYPE_CHECKING:
    from tenfold.etcd import Access
    from tenfold.state.layout import Layout

AUTHORITY: Final = "failover.authority"
HOST: Final = "failover.host."
"""Among the secrets: whom the members of etcd show to be, and, with a host's name behind it, how a
host shows who it is; each of them may ask."""


def open_journal(layout: Layout, *, stale: bool = False) -> MovableJournal:
    """The journal of this deployment; with ``stale`` reads come from its copy when etcd is away.

    Raises:
        JournalError: its file cannot be used.
    """
    return MovableJournal(layout.journal, access=access(layout), stale=stale)


def access(layout: Layout) -> Callable[[tuple[str, ...]], Access]:
    """As whom members of etcd are asked, with the certificates that this deployment has."""

    def of(urls: tuple[str, ...]) -> Access:
        from tenfold.etcd import Access  # with all that it needs; most deployments have no etcd

        known = secrets.load(layout.secrets)
        authority = known.get(AUTHORITY)
        own = next((known[name] for name in sorted(known) if name.startswith(HOST)), None)
        return Access(
            urls,
            authority=None if authority is None else authority.reveal(),
            certificate=own,
        )

    return of
