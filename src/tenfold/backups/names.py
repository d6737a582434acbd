"""What things are called, in the archive and by PostgreSQL. Pure.

::

    APP-SYSTEM/                             one database cluster, for its whole life
      wal/00000001000000A0/SEGMENT.zst      the log: a folder per timeline and gigabytes of log
      wal/00000002.history.zst              what a timeline began with
      backups/20261126T160000Z/             one copy of everything
        base.tar.zst.00000 ...              the cluster, in parts
        storage.tar.zst.00000 ...           user files
        backup.json                         what it is; written last: without it there is none
      mark.json                             up to when everything is there

Where a key is configured, what is compressed has ``.age`` behind it.
"""

from __future__ import annotations

import re
import time

WAL = "wal/"
BACKUPS = "backups/"
MARK = "mark.json"
ABOUT = "backup.json"
HEAD_BYTES = 40
"""With so many a segment begins, before there is anything in it."""
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_WAL = re.compile(r"[0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
_ID = re.compile(r"\d{8}T\d{6}Z")


def owner(app: str, environment: str | None) -> str:
    """Whose archive it is: each environment has its own."""
    return f"{app}-{environment}" if environment else app


def lineage(app: str, system: int) -> str:
    """The folder of one cluster of an owner; ``system`` is PostgreSQL's identifier of it."""
    return f"{app}-{system}"


def is_wal(name: str) -> bool:
    """Whether PostgreSQL may ask for this to be archived."""
    return _WAL.fullmatch(name) is not None


def wal_object(name: str, suffix: str) -> str:
    """Where a part of the log lies, below the lineage."""
    folder = f"{name[:16]}/" if _SEGMENT.match(name) else ""
    return f"{WAL}{folder}{name}{suffix}"


def wal_name(object_name: str) -> str:
    """The part of the log that an object holds."""
    file = object_name.rpartition("/")[2]
    return file.removesuffix(".age").removesuffix(".zst")


def new_id(now: float) -> str:
    """The name of a backup that begins now."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def is_id(name: str) -> bool:
    """Whether a folder is that of a backup."""
    return _ID.fullmatch(name) is not None


def part(backup: str, kind: str, suffix: str, number: int) -> str:
    """A part of a backup, below the lineage; ``kind`` is ``base`` or ``storage``."""
    return f"{BACKUPS}{backup}/{kind}.tar{suffix}.{number:05}"


def about(backup: str) -> str:
    """What says what a backup is, below the lineage."""
    return f"{BACKUPS}{backup}/{ABOUT}"


def older(segment: str, than: str) -> bool:
    """Whether a part of the log lies before a segment, on whatever timeline; never a history."""
    return _SEGMENT.match(segment) is not None and segment[8:24] < than[8:24]


def is_segment(name: str, like: str) -> bool:
    """Whether this is a whole segment, on the timeline of another one."""
    return _SEGMENT.fullmatch(name) is not None and name[:8] == like[:8]


def end_of(segment: str, size: int) -> int:
    """The position at which a segment ends, in bytes; ``size`` is that of a segment."""
    per_log = (1 << 32) // size
    number = int(segment[8:16], 16) * per_log + int(segment[16:24], 16)
    return (number + 1) * size


def content_end(position: int, size: int) -> int:
    """Where a log ends whose next byte comes at ``position``: a segment that has nothing but its
    own head yet is none."""
    begun = position % size
    return position - begun if begun <= HEAD_BYTES else position


def label(segment: str, position: int, size: int) -> str:
    """What PostgreSQL archives about a copy whose log begins at this position of a segment."""
    return f"{segment}.{position % size:08X}.backup"


def history(timeline: int) -> str:
    """What PostgreSQL archives about how a timeline began."""
    return f"{timeline:08X}.history"


def segment_at(timeline: int, position: int, size: int) -> str:
    """The segment that holds a position."""
    per_log = (1 << 32) // size
    number = position // size
    return f"{timeline:08X}{number // per_log:08X}{number % per_log:08X}"
