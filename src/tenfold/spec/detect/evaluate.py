"""The value of simple expressions without running them: texts, numbers, lists and paths.

Enough for ``BASE_DIR / "static"`` and ``os.path.join(os.path.dirname(__file__), "static")``.
Whatever needs more (the environment, a call of the app's own) is unknown, which is ``None``.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Names = Mapping[str, Any]


def value(node: ast.expr | None, names: Names) -> Any:
    """The value of an expression, or ``None`` if it cannot be known by reading."""
    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.Name(id=name):
            return names.get(name)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [value(item, names) for item in items]
        case ast.BinOp(left=left, op=ast.Div() | ast.Add() as op, right=right):
            return _joined(value(left, names), value(right, names), op)
        case ast.JoinedStr(values=parts):
            return _formatted(parts, names)
        case ast.Attribute(value=inner, attr="parent"):
            return _on_path(value(inner, names), lambda path: path.parent)
        case ast.Subscript(value=ast.Attribute(value=inner, attr="parents"), slice=index):
            depth = value(index, names)
            return _on_path(value(inner, names), lambda path: path.parents[depth])
        case ast.Call(func=function, args=arguments):
            return _called(function, arguments, names)
        case _:
            return None


def _joined(left: Any, right: Any, op: ast.operator) -> Any:
    if isinstance(op, ast.Div):
        known = isinstance(left, Path) and isinstance(right, (str, Path))
        return left / right if known else None
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    return left + right if isinstance(left, str) and isinstance(right, str) else None


def _formatted(parts: list[ast.expr], names: Names) -> str | None:
    texts = [
        value(part.value if isinstance(part, ast.FormattedValue) else part, names) for part in parts
    ]
    return None if None in texts else "".join(map(str, texts))


def _on_path(path: Any, then: Callable[[Path], Path]) -> Path | None:
    try:
        return then(path) if isinstance(path, Path) else None
    except (IndexError, TypeError):
        return None


def _called(function: ast.expr, arguments: list[ast.expr], names: Names) -> Any:
    values = [value(argument, names) for argument in arguments]
    if isinstance(function, ast.Attribute) and not ast.unparse(function).startswith(
        ("os.", "pathlib.")
    ):
        return _method(value(function.value, names), function.attr, values)
    if not values or any(not isinstance(v, (str, Path)) for v in values):
        return None
    match ast.unparse(function).rpartition(".")[2]:
        case "Path" | "PurePath":
            return Path(*values)
        case "str" | "fspath":
            return str(values[0])
        case "join":
            return os.path.join(*values)
        case "dirname":
            return os.path.dirname(values[0])
        case "abspath" | "realpath" | "normpath":
            return os.path.normpath(values[0])
        case _:
            return None


def _method(owner: Any, name: str, values: list[Any]) -> Any:
    if not isinstance(owner, Path):
        return None
    if name in ("resolve", "absolute", "expanduser"):
        return Path(os.path.normpath(owner))
    if name in ("as_posix", "__str__"):
        return str(owner)
    if name == "joinpath" and all(isinstance(v, (str, Path)) for v in values):
        return owner.joinpath(*values)
    return None


def constants(statements: list[ast.stmt], file: Path, known: Names | None = None) -> dict[str, Any]:
    """What the simple assignments of a module make of its names, in their order."""
    names: dict[str, Any] = {"__file__": str(file), **(known or {})}
    for node in statements:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=expression):
                names[name] = value(expression, names)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as expression):
                names[name] = value(expression, names)
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add() as op, value=expression):
                names[name] = _joined(names.get(name), value(expression, names), op)
            case _:
                continue
    return names
