"""A digest of a database's schema: two databases with the same have the same things in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tenfold.engines.postgresql.login import Connection

_SYSTEM = "^(pg_|information_schema$)"
"""Schemas that are PostgreSQL's own."""

_QUERIES = {
    "tables": """
SELECT nspname, relname, relkind, relpersistence, relispartition, relrowsecurity,
       pg_get_userbyid(relowner), coalesce(relacl::text, ''), coalesce(reloptions::text, ''),
       coalesce(CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, '')
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE nspname !~ %s AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
""",
    "columns": """
SELECT nspname, relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
       attidentity::text, attgenerated::text, attcollation::regcollation::text,
       coalesce(pg_get_expr(adbin, adrelid), '')
  FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
  JOIN pg_namespace n ON n.oid = relnamespace
  LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
 WHERE nspname !~ %s AND attnum > 0 AND NOT attisdropped
""",
    "indexes": """
SELECT nspname, relname, pg_get_indexdef(indexrelid), indisvalid, indisready
  FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
  JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ %s
""",
    "constraints": """
SELECT nspname, conrelid::regclass::text, conname, pg_get_constraintdef(c.oid), convalidated
  FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace WHERE nspname !~ %s
""",
    "sequences": """
SELECT nspname, relname, format_type(seqtypid, NULL), seqstart, seqincrement, seqmin, seqmax,
       seqcache, seqcycle
  FROM pg_sequence s JOIN pg_class c ON c.oid = seqrelid
  JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ %s
""",
    "functions": """
SELECT nspname, proname, pg_get_function_identity_arguments(p.oid), md5(prosrc),
       pg_get_function_result(p.oid)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname !~ %s
""",
    "triggers": """
SELECT nspname, relname, tgname, pg_get_triggerdef(t.oid), tgenabled::text
  FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
  JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ %s AND NOT tgisinternal
""",
    "types": """
SELECT nspname, typname, typtype::text,
       coalesce((SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum
                  WHERE enumtypid = t.oid), '')
  FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname !~ %s
""",
    "extensions": """
SELECT nspname, extname, extversion
  FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE nspname !~ %s
""",
}


def digests(connection: Connection) -> Mapping[str, str]:
    """What kind of thing -> digest of all of that kind in this database, in one snapshot."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # Names are written with their schema, wherever one looks from.
        connection.execute("SET LOCAL search_path = pg_catalog")
        return {kind: _digest(connection, query) for kind, query in _QUERIES.items()}


def _digest(connection: Connection, query: str) -> str:
    rows = sorted(repr(row) for row in connection.execute(query.encode(), [_SYSTEM]))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]
