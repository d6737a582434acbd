"""What happens when the app is imported: talk with other machines and with the database.

Looked at are the app's module and those of the project that it imports, directly or not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tenfold.spec.detect import variables
from tenfold.spec.detect.found import Candidate, Note, Part
from tenfold.spec.detect.project import Module, Project

_NETWORK = re.compile(
    r"(requests|httpx|urllib\.request)\.(get|post|put|head|request|urlopen|urlretrieve)"
    r"|socket\.create_connection|boto3\.\w+"
)
_DATABASE = re.compile(r"(psycopg2?|asyncpg|pymongo|sqlite3)\.connect|.*\.create_all")
_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def look(project: Project, app: Candidate) -> Part:
    """What an import of the app does besides giving names to things."""
    first = project.module(app.file)
    modules = variables.reached(project, app, [first]) if first else []
    return Part(notes=tuple(note for module in modules for note in _talk(project, module)))


def _talk(project: Project, module: Module) -> Iterator[Note]:
    for call in _calls(module.tree):
        name = module.origin(call.func) or ""
        where = project.shown(module.path, call.lineno)
        if _NETWORK.fullmatch(name):
            yield Note(
                f"{where} calls {name} when it is imported",
                "every worker waits for that answer before it serves, and fails with it",
            )
        elif _DATABASE.fullmatch(name):
            yield Note(
                f"{where} talks to the database when it is imported",
                "fine while the app runs; [release] build has no database",
            )


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """Calls that run on import."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _LATER) or _only_as_script(child):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _calls(child)


def _only_as_script(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)
