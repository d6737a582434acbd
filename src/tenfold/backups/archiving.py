"""Putting a part of the log away, once, whoever brings it."""

from __future__ import annotations

from pathlib import Path

from tenfold.backups import names
from tenfold.backups.deciding import forks
from tenfold.backups.faults import Fault
from tenfold.backups.seal import SEALED, SUFFIX, Sealer
from tenfold.backups.store import Store


def archive(store: Store, sealer: Sealer, lineage: str, path: Path) -> bool:
    """Have a finished file of the log in the archive; ``False`` if it was there already.

    Leader and followers all bring the same files, and a server that was killed brings its last one
    again. What is there is never replaced: another content under the same name means that two
    servers wrote a history of their own, and then neither may undo the other.

    Raises:
        Fault: it could not be put there, or something else is.
    """
    name = path.name
    if not names.is_wal(name):
        raise Fault("own", f"{name} is no part of PostgreSQL's log")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Fault("own", f"{path} cannot be read: {error.strerror}") from error
    place = f"{lineage}/{names.wal_object(name, sealer.suffix)}"
    if store.put(place, sealer.seal(content)):
        return True
    if sealer.open(store.get(place), place) != content:
        raise Fault(
            "conflict",
            f"another server's {name} is in {store.place} already, and it is not the same",
            "see that no two servers archive to one place as the same cluster",
        )
    return False


def fetch(store: Store, sealer: Sealer, lineage: str, name: str) -> bytes:
    """A file of the log from the archive; a fault of kind ``missing`` where there is none.

    Encrypted or not: a key may have been configured in between.
    """
    endings = (SUFFIX + SEALED, SUFFIX) if sealer.key else (SUFFIX, SUFFIX + SEALED)
    for number, ending in enumerate(endings):
        place = f"{lineage}/{names.wal_object(name, ending)}"
        try:
            return sealer.open(store.get(place), place)
        except Fault as fault:
            if fault.kind != "missing" or number:
                raise
    raise AssertionError


def forks_of(store: Store, sealer: Sealer, lineage: str, timeline: int) -> dict[int, int]:
    """Where the timelines before this one were left; nothing where that is not in the archive.

    Raises ``Fault``.
    """
    if timeline < 2:
        return {}
    try:
        text = fetch(store, sealer, lineage, names.history(timeline))
    except Fault as fault:
        if fault.kind != "missing":
            raise
        return {}
    return forks(text.decode(errors="replace"))


def has_later(store: Store, lineage: str, segment: str) -> bool:
    """Whether the archive has segments of the same timeline behind this one."""
    folders = store.folders(f"{lineage}/{names.WAL}")
    for folder in folders:
        if folder[:8] == segment[:8] and folder >= segment[:16]:
            for entry in store.list(f"{lineage}/{names.WAL}{folder}/"):
                name = names.wal_name(entry.name)
                if names.is_segment(name, segment) and name > segment:
                    return True
    return False
