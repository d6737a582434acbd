"""What went wrong, in words: what, where, what changed, what next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import psycopg

from tenfold.errors import Refused, TenfoldError
from tenfold.importing.model import Copy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNTOUCHED: Final = "nothing: the app's database is as it was"
_LINE: Final = re.compile(r", line (\d+)(?:, column (.+?))?(?:: |$)", re.DOTALL)


class Failed(Exception):
    """PostgreSQL did not take a row, or what it takes no longer came through."""

    def __init__(self, copy: Copy, row: int | None, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.copy = copy
        self.row = row
        self.error = error


class Dangling(Exception):
    """Rows refer to rows that are not there; one line for each foreign key."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def row_of(error: psycopg.Error) -> int | None:
    """The row that COPY was at, from 1, where PostgreSQL says so."""
    found = _LINE.search(error.diag.context or "")
    return int(found[1]) if found else None


def refused(failed: Failed, where: Callable[[int], str]) -> TenfoldError:
    """For a row that PostgreSQL did not take; ``where`` names a row by its number."""
    error, table = failed.error, failed.copy.source.name
    general = broken(error)
    if general is not None:
        return general
    place = f", {where(failed.row)}" if failed.row is not None else ""
    found = _LINE.search(error.diag.context or "")
    column = f".{found[2]}" if found and found[2] else ""
    return TenfoldError(
        f"the database does not take a row of {table}{column}{place}:"
        f" {error.diag.message_primary or type(error).__name__}",
        changed=UNTOUCHED,
        next="correct it in a copy of the source, then import that one",
        detail=error.diag.message_detail,
    )


def dangling(lines: Sequence[str]) -> TenfoldError:
    """For references to rows that are not there."""
    return TenfoldError(
        "rows of the source refer to rows that it has not, which PostgreSQL does not allow",
        changed=UNTOUCHED,
        next="delete these rows, or set the references to NULL, in a copy of the source;\n"
        "then import that one",
        detail="\n".join(lines),
    )


def broken(error: psycopg.Error) -> TenfoldError | None:
    """For what is no row's fault; ``None`` if it may be one's."""
    match error:
        case psycopg.errors.DiskFull():
            return TenfoldError(
                "the disk of the app's database is full",
                changed=f"{UNTOUCHED}; PostgreSQL frees the room that the import took",
                next="make room there: data, indexes and the write-ahead log need about three times"
                " the source's size",
                detail=error.diag.message_primary,
            )
        case psycopg.errors.AdminShutdown() | psycopg.errors.CrashShutdown():
            pass
        case _ if error.sqlstate is not None:
            return None
    return TenfoldError(
        "the connection to the app's database was lost",
        changed=f"{UNTOUCHED}: PostgreSQL takes back what was not committed",
        next="tenfold status   shows whether it runs, tenfold logs what it says; then again",
        detail=str(error).strip(),
    )


def uncertain(error: psycopg.Error) -> TenfoldError:
    """For a connection that was lost while the whole was being committed."""
    return TenfoldError(
        "the connection to the app's database was lost at the very end",
        changed="all rows are there, or none is: it is not known which",
        next="tenfold db import ... --dry-run    says whether there are rows",
        detail=str(error).strip(),
    )


def different(table: str, what: str) -> Refused:
    """For a table that is not on both sides the same."""
    return Refused(
        f"{table} would not be in the app's database what it is in the source: {what}",
        changed=UNTOUCHED,
        next="please report it with the columns of the table; --skip leaves the table out",
    )
