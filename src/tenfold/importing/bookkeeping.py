"""Tables that frameworks keep for themselves: what an import does with each. Pure.

A table of migrations says how far *this* database is. Copying it would have the app believe that
migrations ran here which ran elsewhere, so the app's own stays, and both are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tenfold.importing.model import Problem

MIGRATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "django_migrations": ("app", "name"),
    "alembic_version": ("version_num",),
    "aerich": ("app", "version"),
    "_yoyo_migration": ("migration_id",),
    "migratehistory": ("name",),
    "schema_migrations": ("version",),
}
"""What keeps migrations, and the columns that name one: Django, Alembic and Flask-Migrate,
Tortoise's aerich, yoyo, peewee-migrate, dbmate."""

LOGS: Final = frozenset({"_yoyo_log", "_yoyo_version", "yoyo_lock"})
"""What migrations write beside that."""

MADE_BY_MIGRATIONS: Final = frozenset({"django_content_type", "auth_permission", "django_site"})
"""Django's ``migrate`` fills these, with numbers that other rows refer to: the source's rows take
the place of those that are there."""

_SHOWN: Final = 5


def stays(table: str) -> bool:
    """Whether the app's own rows of this table stay."""
    return table in MIGRATIONS or table in LOGS


def differences(
    source: Mapping[str, frozenset[str]], target: Mapping[str, frozenset[str]]
) -> Iterator[Problem]:
    """Where source and target are not at the same migrations, for tables that both have."""
    for table in sorted(source.keys() & target.keys()):
        lacking = target[table] - source[table]
        further = source[table] - target[table]
        if lacking:
            yield Problem(
                f"{table}: the source lacks {_some(lacking)}",
                "migrate the source with the app's present code first; or, if these change no rows,"
                " --despite-migrations",
            )
        if further:
            yield Problem(
                f"{table}: the source has {_some(further)}, and the app's database has not",
                "tenfold deploy    the code that the source was used with; or --despite-migrations",
            )


def _some(migrations: frozenset[str]) -> str:
    first = sorted(migrations)[:_SHOWN]
    more = len(migrations) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
