"""Who owns what and who may what in the app's database, brought to what the settings say.

Both ways round, at any time, on a database in use:

- *separate owner*: everything belongs to the owner role; the app's role reads and writes rows in
  every table that is and will be, and has no DDL.
- *one owner*: everything belongs to the app's role; the owner role cannot even connect.

The schema ``public`` belongs to ``pg_database_owner``, which follows the database's owner. Roles,
schemas and grants that the user made beside these are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from psycopg import sql

from tenfold.engines.postgresql.login import Connection
from tenfold.topology.settings import DatabaseSettings

_Statement = sql.SQL | sql.Composed

_TABLES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_SEQUENCES = frozenset({"SELECT", "UPDATE", "USAGE"})
_DEFAULTS = {
    "TABLES": ("r", _TABLES),
    "SEQUENCES": ("S", _SEQUENCES),
    "SCHEMAS": ("n", frozenset({"USAGE"})),
}


def arrange(
    connection: Connection, settings: DatabaseSettings, *, lock_seconds: float
) -> tuple[str, ...]:
    """Carry out what is missing, in one transaction; gives the statements that it took.

    Connected as superuser to the app's database. Waits at most ``lock_seconds`` for a table that
    changes its owner, because whoever comes later waits behind it.
    """
    done: list[str] = []
    with connection.transaction():
        limit = f"{round(lock_seconds * 1000)}ms"
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [limit])
        for step in _STEPS:
            for statement in tuple(step(connection, settings)):
                connection.execute(statement)
                done.append(statement.as_string(connection))
    return tuple(done)


def keeper(settings: DatabaseSettings) -> str:
    """The role that owns the database and everything in it."""
    return settings.owner_role if settings.separate_owner else settings.app_role


def _extension(connection: Connection, _: DatabaseSettings) -> Iterator[_Statement]:
    """For the app's developers; not if their database has no place for it."""
    missing = connection.execute(
        "SELECT FROM pg_namespace WHERE nspname = 'public'"
        " AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')"
    ).fetchone()
    if missing is not None:
        yield sql.SQL("CREATE EXTENSION pg_stat_statements SCHEMA public")


def _database_owner(connection: Connection, settings: DatabaseSettings) -> Iterator[_Statement]:
    found = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    owner = keeper(settings)
    if found != (owner,):
        yield sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
            sql.Identifier(settings.database), sql.Identifier(owner)
        )


def _database(connection: Connection, settings: DatabaseSettings) -> Iterator[_Statement]:
    owner, database = keeper(settings), sql.Identifier(settings.database)
    wanted = {(owner, p) for p in ("CONNECT", "CREATE", "TEMPORARY")}
    if settings.separate_owner:
        wanted |= {(settings.app_role, p) for p in ("CONNECT", "TEMPORARY")}
    managed = {settings.app_role, settings.owner_role, "PUBLIC"}
    held = {
        (str(role), str(privilege))
        for role, privilege in connection.execute(
            "SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END,"
            " privilege_type FROM pg_database, aclexplode(coalesce(datacl,"
            " acldefault('d', datdba))) WHERE datname = current_database()"
        )
        if role in managed
    }
    for role, privilege in sorted(held - wanted):
        yield sql.SQL("REVOKE {} ON DATABASE {} FROM {}").format(
            sql.SQL(privilege), database, _who(role)
        )
    for role, privilege in sorted(wanted - held):
        yield sql.SQL("GRANT {} ON DATABASE {} TO {}").format(
            sql.SQL(privilege), database, _who(role)
        )


def _ownership(connection: Connection, settings: DatabaseSettings) -> Iterator[_Statement]:
    """Hands over what the role of the other way round still owns, extensions included."""
    former = settings.app_role if settings.separate_owner else settings.owner_role
    owns = connection.execute(
        "SELECT FROM pg_shdepend, pg_database WHERE datname = current_database()"
        " AND dbid = pg_database.oid AND deptype = 'o' AND refclassid = 'pg_authid'::regclass"
        " AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s) LIMIT 1",
        [former],
    ).fetchone()
    if owns is not None:
        yield sql.SQL("REASSIGN OWNED BY {} TO {}").format(
            sql.Identifier(former), sql.Identifier(keeper(settings))
        )


def _schemas(connection: Connection, settings: DatabaseSettings) -> Iterator[_Statement]:
    """With a separate owner the app's role finds its way into every schema, and makes nothing."""
    if not settings.separate_owner:
        return
    app = settings.app_role
    rows = connection.execute(
        "SELECT nspname, has_schema_privilege(%(app)s, oid, 'USAGE'),"
        " has_schema_privilege(%(app)s, oid, 'CREATE') FROM pg_namespace"
        " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY nspname",
        {"app": app},
    )
    for schema, usage, create in rows.fetchall():
        name = sql.Identifier(str(schema))
        if create:
            yield sql.SQL("REVOKE CREATE ON SCHEMA {} FROM PUBLIC, {}").format(name, _who(app))
        if not usage:
            yield sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(name, _who(app))


def _rows(connection: Connection, settings: DatabaseSettings) -> Iterator[_Statement]:
    """With a separate owner the app's role has its rights on every table and sequence there is."""
    if not settings.separate_owner:
        return
    rows = connection.execute(
        "SELECT nspname, relname, relkind = 'S' FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        " AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
        " AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass"
        "  AND objid = c.oid AND deptype = 'e')"
        " AND NOT CASE relkind WHEN 'S'"
        "  THEN (SELECT bool_and(has_sequence_privilege(%(app)s, c.oid, p))"
        "   FROM unnest(%(sequences)s::text[]) p)"
        "  ELSE (SELECT bool_and(has_table_privilege(%(app)s, c.oid, p))"
        "   FROM unnest(%(tables)s::text[]) p) END"
        " ORDER BY nspname, relname",
        {"app": settings.app_role, "tables": sorted(_TABLES), "sequences": sorted(_SEQUENCES)},
    )
    for schema, relation, is_sequence in rows.fetchall():
        yield sql.SQL("GRANT {} ON {} {} TO {}").format(
            _list(_SEQUENCES if is_sequence else _TABLES),
            sql.SQL("SEQUENCE" if is_sequence else "TABLE"),
            sql.Identifier(str(schema), str(relation)),
            _who(settings.app_role),
        )


def _defaults(connection: Connection, settings: DatabaseSettings) -> Iterator[_Statement]:
    """What the owner role makes later is open to the app's role; nothing is, with one owner."""
    held = {
        (str(kind), str(privilege))
        for kind, privilege in connection.execute(
            "SELECT defaclobjtype, privilege_type FROM pg_default_acl, aclexplode(defaclacl)"
            " WHERE defaclnamespace = 0"
            " AND pg_get_userbyid(defaclrole) = %s AND pg_get_userbyid(grantee) = %s",
            [settings.owner_role, settings.app_role],
        )
    }
    for name, (kind, privileges) in _DEFAULTS.items():
        has = {privilege for k, privilege in held if k == kind}
        wanted = privileges if settings.separate_owner else frozenset()
        for verb, preposition, changed in (
            ("REVOKE", "FROM", has - wanted),
            ("GRANT", "TO", wanted - has),
        ):
            if changed:
                yield sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} {} {} ON {} {} {}").format(
                    _who(settings.owner_role),
                    sql.SQL(verb),
                    _list(changed),
                    sql.SQL(name),
                    sql.SQL(preposition),
                    _who(settings.app_role),
                )


def _list(privileges: Iterable[str]) -> sql.Composable:
    return sql.SQL(", ".join(sorted(privileges)))


def _who(role: str) -> sql.Composable:
    return sql.SQL("PUBLIC") if role == "PUBLIC" else sql.Identifier(role)


# Owners first: a new owner takes over the grants that the former one had.
_STEPS = (_extension, _database_owner, _ownership, _database, _schemas, _rows, _defaults)
