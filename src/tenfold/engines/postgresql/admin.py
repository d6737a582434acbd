"""Orders to a PostgreSQL server: roles, database, grants; sessions; what is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import psycopg
from psycopg import sql

from tenfold.engines.postgresql import grants, scram
from tenfold.engines.postgresql.hba import MAINTENANCE
from tenfold.engines.postgresql.login import Connection, Login, connect, login, psql
from tenfold.engines.postgresql.render import roles, secret
from tenfold.engines.protocol import Scene
from tenfold.errors import TenfoldError
from tenfold.secret import Secret
from tenfold.topology.model import Unit
from tenfold.topology.settings import DatabaseSettings, PatroniSettings

__all__ = [
    "MAINTENANCE",
    "Login",
    "RunningSetting",
    "connect",
    "ensure_roles_and_database",
    "login",
    "prepare",
    "psql",
    "server_version",
    "settings_in_force",
    "terminate",
]

ARRANGE_SECONDS = 600.0
"""For as long a schema has many thousand tables whose owners change."""

_SERVED = ("owner", "app", "replication")
MONITOR = "monitor"
REWIND: Final = "rewind"
REWIND_FUNCTIONS: Final = (
    "pg_catalog.pg_ls_dir(text, boolean, boolean)",
    "pg_catalog.pg_stat_file(text, boolean)",
    "pg_catalog.pg_read_binary_file(text)",
    "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)",
)


def _served(settings: DatabaseSettings) -> tuple[str, ...]:
    monitor = () if settings.monitor_role is None else (MONITOR,)
    return (*_SERVED, *monitor, *((REWIND,) if isinstance(settings, PatroniSettings) else ()))


def prepare(unit: Unit, scene: Scene) -> tuple[str, ...]:
    """Have roles, database, ownership and grants as the unit's settings say.

    Gives what it changed, one sentence or statement each; nothing when nothing was missing.

    Raises:
        TenfoldError: the server cannot be reached, or refused a statement.
    """
    settings = unit.settings
    assert isinstance(settings, DatabaseSettings)
    passwords = {role: secret(scene, settings, role) for role in _served(settings)}
    superuser = login(unit, scene, "superuser", database=MAINTENANCE)
    return ensure_roles_and_database(superuser, settings, passwords)


def ensure_roles_and_database(
    superuser: Login,
    settings: DatabaseSettings,
    passwords: Mapping[str, Secret],
    *,
    lock_seconds: float = 10.0,
) -> tuple[str, ...]:
    """See :func:`prepare`. ``passwords`` is keyed ``owner``, ``app``, ``replication``, and
    ``monitor`` where somebody watches.

    Where the owner changes, tables that are in use are waited for at most ``lock_seconds``.
    """
    with _clearly(settings):
        with (
            connect(replace(superuser, database=MAINTENANCE)) as connection,
            connection.within(ARRANGE_SECONDS),
        ):
            done = [
                change
                for role in roles(settings)
                if role in passwords
                for change in _role(
                    connection, roles(settings)[role], passwords[role], role == "replication"
                )
            ]
            done += _close_to_public(connection)
            if settings.monitor_role is not None:
                done += _open_to_monitor(connection, settings.monitor_role)
            if isinstance(settings, PatroniSettings):
                done += _open_to_rewind(connection, settings.rewind_role)
            done += _statistics(connection)
            done += _create_database(connection, settings)
        with (
            connect(replace(superuser, database=settings.database)) as connection,
            connection.within(ARRANGE_SECONDS),
        ):
            arranged = grants.arrange(connection, settings, lock_seconds=lock_seconds)
    return (*done, *arranged)


def _role(connection: Connection, name: str, password: Secret, replication: bool) -> Iterator[str]:
    role = sql.Identifier(name)
    row = connection.execute(
        "SELECT rolcanlogin, rolreplication, rolsuper OR rolcreatedb OR rolcreaterole"
        " OR rolbypassrls, coalesce(rolpassword, '') FROM pg_authid WHERE rolname = %s",
        [name],
    ).fetchone()
    if row is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        yield f"role {name} made"
    if row is None or row[:3] != (True, replication, False):
        connection.execute(
            sql.SQL(
                "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS {}"
            ).format(role, sql.SQL("REPLICATION" if replication else "NOREPLICATION"))
        )
        yield f"role {name} has its attributes"
    if row is None or not scram.matches(str(row[3]), password):
        # The verifier is made here: the server never sees the password, so it cannot log it.
        verifier = connection.pgconn.encrypt_password(
            password.reveal().encode(), name.encode(), b"scram-sha-256"
        )
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(verifier.decode()))
        )
        yield f"role {name} has its password"


def _close_to_public(connection: Connection) -> Iterator[str]:
    """Who may connect to the databases that come with every cluster: the superuser alone."""
    for name in (MAINTENANCE, "template1"):
        open_to_all = connection.execute(
            "SELECT FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))"
            " WHERE datname = %s AND grantee = 0",
            [name],
        ).fetchone()
        if open_to_all is not None:
            connection.execute(
                sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
            )
            yield f"database {name} closed to PUBLIC"


def _open_to_monitor(connection: Connection, name: str) -> Iterator[str]:
    """Who watches reads statistics and settings, and no row of anybody's."""
    known = connection.execute(
        "SELECT pg_has_role(oid, 'pg_monitor', 'USAGE'),"
        " has_database_privilege(oid, %s, 'CONNECT') FROM pg_roles WHERE rolname = %s",
        [MAINTENANCE, name],
    ).fetchone()
    if known != (True, True):
        role = sql.Identifier(name)
        connection.execute(sql.SQL("GRANT pg_monitor TO {}").format(role))
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(MAINTENANCE), role)
        )
        yield f"role {name} may read statistics"


def _open_to_rewind(connection: Connection, name: str) -> Iterator[str]:
    """Who rewinds reads files of the data directory, see pg_rewind(1), and finds out who leads."""
    for function in REWIND_FUNCTIONS:
        known = connection.execute(
            "SELECT has_function_privilege(%s, %s, 'EXECUTE')", [name, function]
        ).fetchone()
        if known != (True,):
            connection.execute(
                sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(
                    sql.SQL(function), sql.Identifier(name)
                )
            )
            yield f"role {name} may use {function}"
    known = connection.execute(
        "SELECT has_database_privilege(%s, %s, 'CONNECT')", [name, MAINTENANCE]
    ).fetchone()
    if known != (True,):
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                sql.Identifier(MAINTENANCE), sql.Identifier(name)
            )
        )
        yield f"role {name} may connect to {MAINTENANCE}"


def _statistics(connection: Connection) -> Iterator[str]:
    """Statistics of all databases, in the one that no app can drop them from."""
    known = "SELECT FROM pg_extension WHERE extname = 'pg_stat_statements'"
    if connection.execute(known).fetchone() is None:
        connection.execute("CREATE EXTENSION pg_stat_statements SCHEMA public")
        yield f"pg_stat_statements in {MAINTENANCE}"


def _create_database(connection: Connection, settings: DatabaseSettings) -> Iterator[str]:
    known = connection.execute(
        "SELECT FROM pg_database WHERE datname = %s", [settings.database]
    ).fetchone()
    if known is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(settings.database), sql.Identifier(grants.keeper(settings))
            )
        )
        yield f"database {settings.database} made"


def terminate(connection: Connection, *, user: str) -> int:
    """End every other session of this role; gives how many there were."""
    row = connection.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE usename = %s AND pid <> pg_backend_pid()",
        [user],
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def server_version(connection: Connection) -> str:
    """The version as people say it: ``18.6``."""
    version = connection.info.server_version
    return f"{version // 10000}.{version % 10000}"


@dataclass(frozen=True, slots=True)
class RunningSetting:
    """A setting as the server has it; ``file`` is where it comes from, if from a file."""

    value: str
    unit: str | None
    file: str | None
    pending_restart: bool


def settings_in_force(connection: Connection) -> Mapping[str, RunningSetting]:
    """Every setting by its name, as superuser."""
    rows = connection.execute(
        "SELECT name, setting, unit, sourcefile, pending_restart FROM pg_settings"
    )
    return {
        str(name): RunningSetting(str(value), _text(unit), _text(file), bool(pending))
        for name, value, unit, file, pending in rows
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


@contextmanager
def _clearly(settings: DatabaseSettings) -> Iterator[None]:
    """Turn what the server refuses into an error that says what to do."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise TenfoldError(
            f"the tables of {settings.database} are locked by somebody's transaction",
            changed="roles may be new; owners and grants are as they were",
            next="end that transaction (tenfold psql), then give the command again",
        ) from error
    except psycopg.Error as error:
        raise TenfoldError(
            f"roles and grants of {settings.database} could not be arranged",
            changed="what was arranged so far stays; the same command goes on from there",
            next="tenfold logs   shows what PostgreSQL says",
            detail=error.diag.message_primary or str(error).strip(),
        ) from error
