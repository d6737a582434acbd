"""What becomes of each statement of a dump. Pure.

A dump is somebody else's SQL. Here it runs as the role that owns the app's tables, in one
transaction, so what names roles of elsewhere, or would end the transaction, is not run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tenfold.importing.model import Name
from tenfold.importing.names import parts, table_name

_COPY: Final = re.compile(
    r"COPY\s+(?P<table>.+?)\s*(?:\((?P<columns>.*)\))?\s+FROM\s+stdin\s*(?P<options>.*)",
    re.IGNORECASE | re.DOTALL,
)
_SETVAL: Final = re.compile(
    r"SELECT\s+pg_catalog\.setval\('(?P<name>(?:[^']|'')+)',\s*(?P<value>-?\d+),\s*(?P<called>\w+)\)",
    re.IGNORECASE,
)
_EXTENSION: Final = re.compile(
    r"CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>\"[^\"]+\"|[\w-]+)", re.IGNORECASE
)
_ENCODING: Final = re.compile(r"SET\s+client_encoding\s*(?:=|TO)\s*'([^']+)'", re.IGNORECASE)
_INSERT: Final = re.compile(r"INSERT\s+INTO\b", re.IGNORECASE)

_ENDS: Final = re.compile(
    r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION)\b",
    re.IGNORECASE,
)
_BECOMES: Final = re.compile(
    r"(RE)?SET\s+((SESSION|LOCAL)\s+)?(ROLE|SESSION\s+AUTHORIZATION)\b|RESET\s+ALL\b|DISCARD\b",
    re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(
    r"""
      ALTER \s .* \s OWNER \s+ TO \s+ \S+
    | (GRANT|REVOKE) \s .*
    | ALTER \s+ DEFAULT \s+ PRIVILEGES \s .*
    | COMMENT \s+ ON \s+ (EXTENSION|EVENT\s+TRIGGER|PUBLICATION|SUBSCRIPTION) \s .*
    | (CREATE|ALTER|DROP) \s+ (PUBLICATION|SUBSCRIPTION|EVENT\s+TRIGGER) \s .*
    | SECURITY \s+ LABEL \s .*
    | (CREATE|DROP) \s+ SCHEMA \s+ (IF\s+(NOT\s+)?EXISTS\s+)? public
    | SET \s+ default_tablespace \s .*
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_DATABASE: Final = re.compile(
    r"(CREATE|DROP|ALTER)\s+(DATABASE|ROLE|USER|TABLESPACE)\b", re.IGNORECASE
)


class Unfit(ValueError):
    """A statement that cannot be a part of an import, with the reason as its text."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a COPY statement is about; no ``columns`` means all of them."""

    table: Name
    columns: tuple[str, ...]


def header(text: str) -> Header:
    """Of a COPY statement of a dump.

    Raises:
        Unfit: it is in another format than that of ``pg_dump``.
    """
    found = _COPY.fullmatch(text)
    if found is None or found["options"].strip():
        raise Unfit("it has data in another form than that of pg_dump")
    try:
        columns = parts(found["columns"], ",") if found["columns"] else ()
        return Header(table_name(found["table"].removeprefix("ONLY ")), columns)
    except ValueError as error:
        raise Unfit(str(error)) from None


def is_copy(text: str) -> bool:
    """Whether a statement is one that rows follow."""
    return _COPY.fullmatch(text) is not None


def runs(text: str) -> bool:
    """Whether a statement is to be run.

    Raises:
        Unfit: it must not be, and without it the rest is not what it was.
    """
    if _BECOMES.match(text):
        raise Unfit("it becomes another role, which an import never does")
    if _DATABASE.match(text):
        raise Unfit("it makes databases or roles: pg_dumpall, or pg_dump --create, wrote it")
    if _ENDS.match(text):
        raise Unfit("it begins or ends a transaction, and an import is one")
    return _ELSEWHERE.fullmatch(text) is None and _ENCODING.fullmatch(text) is None


def last_value(text: str) -> tuple[Name, int] | None:
    """The sequence that a statement sets, and the last value that it gave; if it does."""
    found = _SETVAL.match(text)
    if found is None:
        return None
    value = int(found["value"])
    name = table_name(found["name"].replace("''", "'"))
    return name, value if found["called"].lower() == "true" else value - 1


def extension(text: str) -> str | None:
    """The extension that a statement makes, if it does."""
    found = _EXTENSION.match(text)
    return found["name"].strip('"') if found else None


def encoding(text: str) -> str | None:
    """The encoding that a statement sets, if it does."""
    found = _ENCODING.fullmatch(text)
    return found[1] if found else None


def inserts(text: str) -> bool:
    """Whether a statement adds rows itself."""
    return _INSERT.match(text) is not None
