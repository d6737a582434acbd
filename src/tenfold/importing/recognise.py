"""What a file is that somebody wants to import: SQLite's, a dump of PostgreSQL's, or neither."""

from __future__ import annotations

import gzip
import re
import tarfile
import zlib
from pathlib import Path
from typing import Final, Literal

from tenfold.errors import Refused

Form = Literal["sqlite", "sql", "gzip", "custom", "tar", "directory"]

HEAD_BYTES: Final = 8192
_SQLITE: Final = b"SQLite format 3\0"
_CUSTOM: Final = b"PGDMP"
_GZIP: Final = b"\x1f\x8b"
_TOC: Final = "toc.dat"
_PACKED: Final = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\3\4": "zip",
}
_VERSION: Final = re.compile(rb"^-- Dumped from database version (\d+)", re.MULTILINE)
_ASK_FOR: Final = "pg_dump --format=custom --file=FILE DATABASE    makes one that can be imported"


def recognise(path: Path) -> Form:
    """What the file is, by what it begins with.

    Raises:
        Refused: it cannot be read, or is nothing that can be imported; says what it is.
    """
    try:
        if path.is_dir():
            return _directory(path)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
    if not head:
        raise Refused(f"{path} is empty")
    if head.startswith(_SQLITE):
        return "sqlite"
    if head.startswith(_CUSTOM):
        return "custom"
    if head.startswith(_GZIP):
        _require_dump(path, _unpacked(path))
        return "gzip"
    if _is_tar(path):
        return "tar"
    for magic, name in _PACKED.items():
        if head.startswith(magic):
            raise Refused(
                f"{path} is packed with {name}", next="unpack it, and import what it holds"
            )
    _require_dump(path, head)
    return "sql"


def dumped_from(path: Path, form: Form) -> int | None:
    """The major version that a dump in SQL was made from, as it says itself."""
    if form == "sql":
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    else:
        head = _unpacked(path)
    found = _VERSION.search(head)
    return int(found[1]) if found else None


def _directory(path: Path) -> Form:
    if (path / _TOC).is_file():
        return "directory"
    raise Refused(
        f"{path} is a folder, but no dump: it has no {_TOC}", next="name the file to import"
    )


def _is_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:") as archive:
            first = archive.next()
    except (tarfile.TarError, OSError):
        return False
    if first is None or first.name != _TOC:
        raise Refused(
            f"{path} is a tar archive, but none of pg_dump",
            next="unpack it, and import what it holds",
        )
    return True


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(f"{path} cannot be unpacked: {error}") from error


def _require_dump(path: Path, head: bytes) -> None:
    if head.startswith((_CUSTOM, _SQLITE)):
        raise Refused(f"{path} is packed with gzip", next="gunzip it, and import what it holds")
    if b"PostgreSQL database cluster dump" in head:
        raise Refused(f"{path} is a dump of a whole server (pg_dumpall)", next=_ASK_FOR)
    if b"PostgreSQL database dump" in head:
        return
    if re.search(rb"^-- (MySQL|MariaDB) dump", head, re.MULTILINE):
        raise Refused(
            f"{path} is a dump of MySQL or MariaDB, whose SQL PostgreSQL does not read",
            next="pgloader copies a MySQL database into a PostgreSQL one; import that",
        )
    if head.lstrip().startswith(b"PRAGMA foreign_keys"):
        raise Refused(
            f"{path} is what  sqlite3 .dump  writes",
            next=f"sqlite3 new.sqlite3 < {path}\ntenfold db import new.sqlite3",
        )
    what = "begins like no dump" if _is_text(head) else "is no database, and no dump of one"
    raise Refused(f"{path} {what} that Tenfold knows", next=f"a SQLite file does; or:\n{_ASK_FOR}")


def _is_text(head: bytes) -> bool:
    return b"\0" not in head
