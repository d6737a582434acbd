"""Names as SQL and people read them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tenfold.importing.model import Name

_PART = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*))\s*')


def quoted(name: str) -> str:
    """An identifier for PostgreSQL and SQLite alike."""
    return '"' + name.replace('"', '""') + '"'


def qualified(name: Name) -> str:
    """A table's identifier, with its schema if it has one."""
    own = quoted(name.table)
    return own if name.schema is None else f"{quoted(name.schema)}.{own}"


def listed(names: Iterable[str]) -> str:
    """Identifiers with commas between them."""
    return ", ".join(quoted(name) for name in names)


def literal(text: str) -> str:
    """A string for SQL, whatever the server makes of backslashes."""
    escaped = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{escaped}'" if "\\" in text else f"'{escaped}'"


def parts(text: str, separator: str) -> tuple[str, ...]:
    """Identifiers of SQL text, quoted or folded to lower case, with ``separator`` between them.

    Raises:
        ValueError: it is something else.
    """
    found: list[str] = []
    at = 0
    while True:
        match = _PART.match(text, at)
        if match is None:
            raise ValueError(f"no name in {text[at : at + 40]!r}")
        found.append(match[1].replace('""', '"') if match[1] is not None else match[2].lower())
        at = match.end()
        if at == len(text):
            return tuple(found)
        if text[at] != separator:
            raise ValueError(f"{separator!r} wanted in {text[at : at + 40]!r}")
        at += 1


def table_name(text: str) -> Name:
    """``public.people`` or ``people`` as a person or a dump writes it. Raises ``ValueError``."""
    *schema, table = parts(text, ".")
    if len(schema) > 1:
        raise ValueError(f"{text!r} has too many parts")
    return Name(table, schema[0] if schema else None)
