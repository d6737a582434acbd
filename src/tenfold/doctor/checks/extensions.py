"""Extensions that the app asks for and the chosen PostgreSQL does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import AppFacts
from tenfold.doctor.model import Seen, check
from tenfold.doctor.reading import calls, constants, text
from tenfold.spec.detect.project import Module

_CREATE = re.compile(
    r"create\s+extension\s+(?:if\s+not\s+exists\s+)?\"?(?!if\b)([a-z][\w-]*)\"?", re.IGNORECASE
)
_OPERATIONS = {
    "HStoreExtension": "hstore", "TrigramExtension": "pg_trgm", "UnaccentExtension": "unaccent",
    "CITextExtension": "citext", "BtreeGinExtension": "btree_gin", "BloomExtension": "bloom",
    "BtreeGistExtension": "btree_gist", "CryptoExtension": "pgcrypto", "VectorExtension": "vector",
}  # fmt: skip
_POSTGIS = "django.contrib.gis.db.backends.postgis"


@check("app.extension-missing", "the chosen PostgreSQL lacks an extension", bites="now")
def missing(facts: AppFacts) -> Iterator[Seen]:
    """`CREATE EXTENSION` fails where the server's installation does not bring the extension along,
    and with it the migration. The PostgreSQL that comes with Tenfold has most of `contrib` and
    pgvector; it has no pgcrypto, no uuid-ossp and no PostGIS.

    Looked for: `CREATE EXTENSION` in Python and SQL files, Django's operations for extensions, and
    Django's PostGIS backend.
    """
    if facts.extensions is None:
        return
    places: dict[str, list[str]] = {}
    for name, where in _wanted(facts):
        if name not in facts.extensions:
            places.setdefault(name, []).append(where)
    for name, found in places.items():
        yield Seen(f"{facts.postgres} has no extension {name}", tuple(found), _fix(name, facts))


def _fix(name: str, facts: AppFacts) -> str:
    if name == "uuid-ossp":
        return "use gen_random_uuid(), which every PostgreSQL has, in place of uuid_generate_v4()"
    if facts.own_database:
        return f"have {name} installed on that server, or use one that has it"
    if name == "pgcrypto":
        return (
            "use gen_random_uuid() and sha256(), which every PostgreSQL has; or the distribution's"
            ' PostgreSQL: [database] postgres = "path"'
        )
    return f'install a PostgreSQL that has {name}, and choose it: [database] postgres = "path"'


def _wanted(facts: AppFacts) -> Iterator[tuple[str, str]]:
    for module in facts.modules:
        lowered = module.text.lower()
        if "extension" in lowered:
            yield from _operations(facts, module)
            for node in constants(module):
                for found in _CREATE.finditer(text(node) or ""):
                    yield found[1].lower(), facts.at(module, node)
        if _POSTGIS in module.text:
            yield "postgis", facts.project.shown(module.path)
    for path, sql in facts.sql.items():
        for found in _CREATE.finditer(sql):
            yield found[1].lower(), f"{path}:{sql.count(chr(10), 0, found.start()) + 1}"


def _operations(facts: AppFacts, module: Module) -> Iterator[tuple[str, str]]:
    for call, origin in calls(module):
        name = origin.rpartition(".")[2]
        if name in _OPERATIONS:
            yield _OPERATIONS[name], facts.at(module, call)
        elif name == "CreateExtension" and call.args and (named := text(call.args[0])):
            yield named, facts.at(module, call)


CHECKS: Final = (missing,)
