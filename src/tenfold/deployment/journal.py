"""Opening the deployment's journal, wherever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tenfold.errors import JournalError
from tenfold.state import secrets
from tenfold.targets.local.directory import ASIDE
from tenfold.transitions.journal import MovableJournal

if TYPE_CHECKING:
    from tenfold.etcd import Access
    from tenfold.state.layout import Layout

CLUSTERS = "*/data/*/cluster/PG_VERSION"


def open_journal(
    layout: Layout, *, stale: bool = False, within: float | None = None
) -> MovableJournal:
    """The journal of this deployment; with ``stale`` reads come from its copy when etcd is away,
    and ``within`` bounds each question to it, in seconds.

    Raises:
        JournalError: its file cannot be used, or is gone.
    """
    require_not_lost(layout)
    return MovableJournal(layout.journal, access=access(layout), stale=stale, within=within)


def require_not_lost(layout: Layout) -> None:
    """See that there is a journal where there are databases: without what it knows, a new and empty
    one would be started where one is. Nor is anything begun on half-deleted files.

    Raises:
        JournalError: there is none.
    """
    if layout.exists():
        return
    if is_half_deleted(layout):
        raise JournalError(
            f"the deletion of everything in {layout.state} was cut off",
            changed="nothing; part of it is gone, and there is no way back",
            next="tenfold down --delete-data    deletes the rest",
        )
    found = sorted(str(path.parent) for path in (layout.state / "hosts").glob(CLUSTERS))
    if found:
        raise JournalError(
            f"the journal {layout.journal} is gone, and there are databases that it knew",
            changed="nothing",
            next=f"put a copy of {layout.journal.name} back, from a backup of the folder;\n"
            f"or, to begin anew without what is in them, move {layout.state}/hosts away",
            detail="\n".join(found),
        )


def is_half_deleted(layout: Layout) -> bool:
    """Whether a deletion of everything was cut off: no journal, and every host is set aside."""
    hosts = layout.state / "hosts"
    aside = hosts / ASIDE
    if layout.exists() or aside.is_symlink() or not aside.is_dir():
        return False
    return [path.name for path in hosts.iterdir() if path.is_dir()] == [ASIDE]


def access(layout: Layout) -> Callable[[tuple[str, ...]], Access]:
    """As whom members of etcd are asked: as one of the deployment's hosts, each of which may."""

    def of(urls: tuple[str, ...]) -> Access:
        # With all that they need; most deployments have no etcd.
        from tenfold.engines.etcd.names import AUTHORITY, host_secret
        from tenfold.etcd import Access

        known = secrets.load(layout.secrets)
        authority, host = known.get(AUTHORITY), host_secret("")
        own = next((known[name] for name in sorted(known) if name.startswith(host)), None)
        return Access(
            urls,
            authority=None if authority is None else authority.reveal(),
            certificate=own,
        )

    return of
