"""Environment variables that settings cannot do without, read from their source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tenfold.spec import values

# What every process of the app has in any case.
_GIVEN = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "DJANGO_SETTINGS_MODULE"})
# Code in these may not run, or has an answer for a variable that is not set.
_PERHAPS = (
    ast.If, ast.IfExp, ast.BoolOp, ast.Try, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
    ast.Lambda,
)  # fmt: skip
# Methods of django-environ and environs that do not take a variable's name.
_OTHER_METHODS = frozenset({"read_env", "prefixed", "seal", "dump", "parser_for", "add_parser"})
_READS_DOTENV = re.compile(r"\b(read_env|load_dotenv|decouple)\b")
_IN_DOTENV = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=", re.MULTILINE)


def required(source: str, dotenv: Path) -> tuple[str, ...]:
    """Names that importing this source needs in the environment, in the order of the source.

    Those that it sets itself, that Tenfold sets, and that a ``.env`` gives which it reads are not
    among them.
    """
    tree = ast.parse(source)
    known = {*_GIVEN, *_answered(tree), *_from_dotenv(source, dotenv)}
    names = dict.fromkeys(name for name in _read(tree) if name not in known)
    return tuple(name for name in names if _may_be_given(name))


def _read(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Subscript(value=owner, slice=ast.Constant(value=str(name)), ctx=ast.Load()) if (
            _is_environ(owner)
        ):
            yield name
        case ast.Call(func=function, args=[ast.Constant(value=str(name))], keywords=keywords) if (
            _asks(function) and not any(k.arg == "default" for k in keywords)
        ):
            yield name
        case _:
            pass
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _PERHAPS):
            yield from _read(child)


def _is_environ(node: ast.expr) -> bool:
    return ast.unparse(node) in ("os.environ", "environ")


def _asks(function: ast.expr) -> bool:
    """``env("X")`` and ``env.bool("X")`` of django-environ and environs, ``config("X")``."""
    match function:
        case ast.Name(id="env" | "config"):
            return True
        case ast.Attribute(value=ast.Name(id="env"), attr=attribute):
            return attribute not in _OTHER_METHODS
        case _:
            return False


def _answered(tree: ast.Module) -> Iterator[str]:
    """Names that the source sets, or declares with a default: ``Env(DEBUG=(bool, False))``."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(name)), ctx=ast.Store()):
                if _is_environ(owner):
                    yield name
            case ast.Call(
                func=ast.Attribute(value=owner, attr="setdefault"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                if _is_environ(owner):
                    yield name
            case ast.Call(func=function, keywords=keywords):
                if ast.unparse(function).rpartition(".")[2] in ("Env", "FileAwareEnv"):
                    yield from (k.arg for k in keywords if k.arg and isinstance(k.value, ast.Tuple))
            case _:
                pass


def _from_dotenv(source: str, dotenv: Path) -> list[str]:
    if not _READS_DOTENV.search(source) or not dotenv.is_file():
        return []
    return _IN_DOTENV.findall(dotenv.read_text("utf-8", "replace"))


def _may_be_given(name: str) -> bool:
    try:
        values.variable_name(name)
    except ValueError:
        return False
    return True
