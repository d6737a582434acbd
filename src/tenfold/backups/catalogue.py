"""What backups there are, by what they say of themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tenfold.backups import names
from tenfold.backups.faults import Fault

if TYPE_CHECKING:
    from tenfold.backups.store import Store

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One object of a backup: its name below the lineage, its bytes and their digest."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Backup:
    """One copy of everything. Times are seconds since the epoch.

    With it one can go to any moment from ``ended`` on. ``first_wal`` is the first segment of the
    log that it needs, ``segment_bytes`` their size. ``version`` is PostgreSQL's, ``content_bytes``
    how much the cluster had; ``last_position`` is where the log may end at the earliest, in bytes,
    0 where that is not known. ``parts`` and ``storage`` are in order.
    """

    id: str
    lineage: str
    began: float
    ended: float
    timeline: int
    first_wal: str
    segment_bytes: int
    version: str
    content_bytes: int
    encrypted: bool
    parts: tuple[Part, ...] = ()
    storage: tuple[Part, ...] = ()
    storage_dirs: tuple[str, ...] = ()
    storage_bytes: int = 0
    last_position: int = 0

    @property
    def stored_bytes(self) -> int:
        """How much it takes where it is."""
        return sum(part.size for part in (*self.parts, *self.storage))

    @property
    def major(self) -> int:
        """PostgreSQL's major version."""
        return int(self.version.partition(".")[0])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"format": FORMAT, **asdict(self)}


def from_json(data: Mapping[str, Any]) -> Backup:
    """What :meth:`Backup.to_json` gave. Raises ``ValueError`` and others for anything else."""
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']}, not {FORMAT}")
    later = {"last_position"}  # of all that was written without it, it is not known
    told = {n: data[n] for n in Backup.__dataclass_fields__ if n in data or n not in later}
    for name in ("parts", "storage"):
        told[name] = tuple(Part(**part) for part in told[name])
    return Backup(**{**told, "storage_dirs": tuple(told["storage_dirs"])})


@dataclass(frozen=True, slots=True)
class Lineage:
    """One database cluster's archive: its backups, oldest first, and up to when all is there.

    ``timeline`` is the history that its server was writing then, 0 where that is not known.

    ``unfinished`` are the ids of backups that broke off, ``unreadable`` of those whose description
    is no such thing.
    """

    name: str
    backups: tuple[Backup, ...] = ()
    recoverable_at: float = 0.0
    timeline: int = 0
    unfinished: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = field(default=())


def lineages(store: Store, app: str) -> tuple[Lineage, ...]:
    """All of an app's clusters that have an archive there. Raises ``Fault``."""
    found = [name for name in store.folders("") if _is_of(name, app)]
    return tuple(look(store, name) for name in found)


def newest(found: tuple[Lineage, ...]) -> Lineage | None:
    """The cluster that was alive last."""
    with_backups = [one for one in found if one.backups]
    return max(with_backups, key=lambda one: one.recoverable_at, default=None)


def look(store: Store, lineage: str) -> Lineage:
    """One cluster's archive. Raises ``Fault``."""
    backups: list[Backup] = []
    unfinished: list[str] = []
    unreadable: list[str] = []
    for id in store.folders(f"{lineage}/{names.BACKUPS}"):
        if not names.is_id(id):
            continue
        try:
            text = store.get(f"{lineage}/{names.about(id)}")
            backups.append(from_json(json.loads(text)))
        except Fault as fault:
            if fault.kind != "missing":
                raise
            unfinished.append(id)
        except (ValueError, KeyError, TypeError):
            unreadable.append(id)
    backups.sort(key=lambda b: b.ended)
    at, timeline = marked(store, lineage)
    return Lineage(lineage, tuple(backups), at, timeline, tuple(unfinished), tuple(unreadable))


def marked(store: Store, lineage: str) -> tuple[float, int]:
    """Up to when all is there, and the history that was written then. Raises ``Fault``."""
    try:
        told = json.loads(store.get(f"{lineage}/{names.MARK}"))
        return float(told["recoverable_at"]), int(told["timeline"])
    except Fault as fault:
        if fault.kind != "missing":
            raise
    except (ValueError, KeyError, TypeError):
        pass  # what it would have said is not known then; the next one comes within a minute
    return 0.0, 0


def objects(backup: Backup) -> Iterator[str]:
    """The names of all of a backup, its description first: without that there is no backup."""
    yield f"{backup.lineage}/{names.about(backup.id)}"
    for part in (*backup.parts, *backup.storage):
        yield f"{backup.lineage}/{part.name}"


def _is_of(name: str, app: str) -> bool:
    head, _, system = name.rpartition("-")
    return head == app and system.isdigit()
