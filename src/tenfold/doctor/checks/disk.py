"""What an app keeps on the local disk: databases in a file, uploads, files that handlers write."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tenfold.doctor.facts import AppFacts
from tenfold.doctor.model import NOW, SEVERAL_HOSTS, Seen, check
from tenfold.doctor.reading import Function, calls, functions, handlers, inside, keyword, text
from tenfold.doctor.settings import of_django, variable_of
from tenfold.spec.detect.evaluate import constants, value
from tenfold.spec.detect.project import Module

_FILE_URL = re.compile(r"sqlite(?:\+\w+)?:///(?P<path>(?!:memory:)[^?]+)")
_CONNECTS = (
    "sqlite3.connect",
    "aiosqlite.connect",
    "peewee.SqliteDatabase",
    "sqlite_utils.Database",
)
_READS_URL = re.compile(r"DATABASE_URL|dj_database_url|\.db\(|\.db_url\(")
_FIELDS = ("FileField", "ImageField")
_WRITES = re.compile(r"[wax]")
_TEMPORARY = re.compile(r"tempfile|/tmp|TemporaryDirectory|NamedTemporary|gettempdir|BytesIO")
_TAKES = re.compile(r"\bUploadFile\b|request\.(files|FILES)\b|\.form\(\)|\.multipart\(\)")
_BY_HAND = frozenset({"management", "commands", "seed", "seeds", "fixtures", "migrations", "cli"})
"""Folders of code that people call, not requests."""
_STORES = re.compile(r"storages\.backends|S3|GoogleCloud|Azure|minio", re.IGNORECASE)


@check("app.sqlite", "data is kept in an SQLite file", bites="now; 1k outside of the project")
def sqlite(facts: AppFacts) -> Iterator[Seen]:
    """A database in a file of the project lies in the release: the next deploy has another one, or
    refuses to leave it behind. One outside of the project is on one host only. Tenfold runs a
    PostgreSQL for the app from the first user on, at `DATABASE_URL`; `tenfold db import` brings the
    file's rows along.

    Looked for: Django's `DATABASES`, `sqlite3.connect` with a file's name, and SQLite URLs. A URL
    that stands in for `DATABASE_URL` is fine: Tenfold sets that variable. So is `:memory:`.
    """
    here: list[str] = []
    elsewhere: list[str] = []
    for where, path in (*_django_files(facts), *_files(facts)):
        outside = path.startswith("/") and not Path(path).is_relative_to(facts.project.root)
        (elsewhere if outside else here).append(where)
    fix = 'connect to os.environ["DATABASE_URL"]'
    if facts.django is not None:
        fix = 'DATABASES = {"default": dj_database_url.config()}      (pip install dj-database-url)'
    if here:
        yield Seen(
            "data is kept in an SQLite file that a deploy leaves behind", _once(here), fix, NOW
        )
    if elsewhere:
        yield Seen(
            "data is kept in an SQLite file on one host", _once(elsewhere), fix, SEVERAL_HOSTS
        )


def _django_files(facts: AppFacts) -> Iterator[tuple[str, str]]:
    setting = of_django(facts, "DATABASES")
    if setting is None or facts.django is None:
        return
    written = ast.unparse(setting.value)
    if "backends.sqlite3" in written and not _READS_URL.search(facts.django.source):
        found = re.search(r"'NAME': '(/[^']*)'", written)
        if ":memory:" not in written:
            yield facts.at(setting.module, setting.node), found[1] if found else ""


def _files(facts: AppFacts) -> Iterator[tuple[str, str]]:
    for module in facts.modules:
        if "sqlite" not in module.text.lower():
            continue
        known = constants([*module.statements()], module.path)
        for call, origin in calls(module):
            if origin in _CONNECTS and call.args:
                path = value(call.args[0], known)
                if isinstance(path, (str, Path)) and ":memory:" not in str(path):
                    yield facts.at(module, call), str(path)
        for node in _urls(module):
            found = _FILE_URL.match(node.value) if isinstance(node.value, str) else None
            if found:
                yield facts.at(module, node), found["path"]


def _urls(module: Module) -> Iterator[ast.Constant]:
    """Texts of the code, but those that stand in for a variable."""
    spared: set[int] = set()
    for node in ast.walk(module.tree):
        if id(node) in spared:
            continue
        if _stands_in(node):
            spared |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.Constant):
            yield node


def _stands_in(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.Call() as call:
            return variable_of(call) is not None or bool(_READS_URL.search(ast.unparse(call.func)))
        case ast.BoolOp(values=[first, *_]) | ast.IfExp(body=first):
            return any(variable_of(n) for n in ast.walk(first) if isinstance(n, ast.expr))
        case ast.AnnAssign(target=ast.Name(id=name)):  # of a class that reads the environment
            return name.lower() in ("database_url", "db_url", "sqlalchemy_database_url")
        case ast.If(test=test):
            return "sqlite" in ast.unparse(test)
        case ast.Compare():
            return True
        case _:
            return False


@check("app.uploads", "uploads lie on the local disk", bites="now; 1k outside of the release")
def uploads(facts: AppFacts) -> Iterator[Seen]:
    """A release is frozen, and the next one does not have what the app wrote into the last. Files
    outside of it stay, but on one host: from 1k on the others do not have them, and from 10k on
    they belong into an object store.

    Looked for: Django's `FileField` and `ImageField` with the default storage, by where
    `MEDIA_ROOT` is, a `MEDIA_ROOT` in the project, handlers that write files (`open` for writing,
    `write_bytes`, `save`), and whatever writes bytes into files in an app that takes uploads.
    Temporary files do not count, nor does code that people call, such as management commands.
    """
    inside_release: list[str] = []
    one_host: list[str] = []
    for where, path in (*_django_uploads(facts), *_written(facts)):
        (inside_release if _is_released(facts, path) else one_host).append(where)
    if inside_release:
        fix = 'have it outlive releases:\n[storage]\ndirs = ["media"]'
        yield Seen("uploads are written into the release", _once(inside_release), fix, NOW)
    if one_host:
        fix = "an object store (django-storages, boto3) before the app runs on several hosts"
        yield Seen("uploads lie on one host's disk", _once(one_host), fix, SEVERAL_HOSTS)


def _is_released(facts: AppFacts, path: Any) -> bool:
    """Whether a path is in the release: relative, or below the project, and not kept."""
    if not isinstance(path, (str, Path)):
        return False
    root = facts.project.root
    full = root / path
    if not full.is_relative_to(root):
        return False
    return not any(full.is_relative_to(root / kept) for kept in facts.kept)


def _django_uploads(facts: AppFacts) -> Iterator[tuple[str, Any]]:
    if facts.django is None:
        return
    names = ("STORAGES", "DEFAULT_FILE_STORAGE")
    stores = [ast.unparse(s.value) for s in (of_django(facts, n) for n in names) if s]
    if any(_STORES.search(store) for store in stores):
        return
    root = facts.django.settings.get("MEDIA_ROOT", "")
    places = [*_fields(facts)]
    told = f"MEDIA_ROOT = {_shown(facts, root)}" if root else "MEDIA_ROOT is not set"
    if root is None:
        told = "where MEDIA_ROOT is, is not known by reading"
    yield from ((f"{where}, {told}", root) for where in places)
    setting = of_django(facts, "MEDIA_ROOT")
    if not places and setting is not None and _is_released(facts, root) and root:
        yield f"{facts.at(setting.module, setting.node)} {told}", root  # a library's uploads


def _fields(facts: AppFacts) -> Iterator[str]:
    for module in facts.modules:
        for call, origin in calls(module):
            name = origin.rpartition(".")[2]
            is_model = origin.startswith("django.db.models.") and name in _FIELDS
            if is_model and "migrations" not in module.path.parts and not keyword(call, "storage"):
                yield f"{facts.at(module, call)} {name}"


def _shown(facts: AppFacts, path: Any) -> str:
    full = Path(str(path))
    if full.is_relative_to(facts.project.root):
        return str(full.relative_to(facts.project.root))
    return str(path)


def _written(facts: AppFacts) -> Iterator[tuple[str, Any]]:
    """Where handlers, and functions that are given an upload, write files; and which, if known."""
    takes = any(_TAKES.search(module.text) for module in facts.modules)
    for module in facts.modules:
        if _BY_HAND.intersection(module.path.relative_to(facts.project.root).parts):
            continue
        known = constants([*module.statements()], module.path)
        answering = {id(f) for f in handlers(module)}
        for function, _ in functions(module):
            if _TEMPORARY.search(ast.unparse(function)):
                continue
            uploaded = _uploads_of(function)
            for node in inside(*function.body):
                path = _path(node, uploaded, module)
                # Elsewhere than in a handler, only bytes are likely to be somebody's upload.
                counts = id(function) in answering or (takes and "b" in _mode(node))
                if path is not None and counts:
                    yield facts.at(module, node), _value(path, known)


def _mode(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Attribute(attr="write_bytes" | "save")):
            return "wb"
        case ast.Call(args=[_, mode, *_]):
            return text(mode) or ""
        case ast.Call():
            return text(keyword(node, "mode")) or ""
        case _:
            return ""


def _uploads_of(function: Function) -> set[str]:
    """Names that ``request.files`` or ``request.FILES`` was assigned to."""
    return {
        target.id
        for node in inside(*function.body)
        if isinstance(node, ast.Assign) and ".files" in ast.unparse(node.value).lower()
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _path(node: ast.AST, uploaded: set[str], module: Module) -> ast.expr | None:
    """What a call writes to, if it writes a file."""
    match node:
        case ast.Call(func=ast.Name(id="open"), args=[path, mode, *_]) if _WRITES.search(
            text(mode) or ""
        ):
            return path
        case ast.Call(func=ast.Name(id="open"), args=[path]):
            given = text(keyword(node, "mode")) or ""
            return path if _WRITES.search(given) else None
        case ast.Call(func=ast.Attribute(value=path, attr="write_bytes" | "write_text")):
            return path
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="save"), args=[path, *_]):
            return path if name in uploaded else None
        case ast.Call(func=ast.Attribute() as function, args=[path, mode, *_]):
            opens = module.origin(function) in ("aiofiles.open", "anyio.open_file")
            return path if opens and _WRITES.search(text(mode) or "") else None
        case _:
            return None


def _value(path: ast.expr, known: dict[str, Any]) -> Any:
    """The path, or the folder that it begins with; ``None`` if neither is known by reading."""
    found = value(path, known)
    match path:
        case _ if found is not None:
            return found
        case ast.BinOp(left=left):
            return _value(left, known)
        case ast.JoinedStr(values=[ast.Constant(value=str(first)), *_]):
            return first
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]):
            return _value(first, known)
        case ast.Call(func=function, args=[first, *_]) if ast.unparse(function).endswith(
            ("join", "Path", "str", "joinpath")
        ):
            return _value(first, known)
        case _:
            return None


def _once(places: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(places))


CHECKS: Final = (sqlite, uploads)
