"""What an app's settings come to: written values, and those that stand in for the environment's.

Nothing is run. A value that depends on a variable is taken as it is when nobody sets that variable,
unless ``[env]`` gives it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tenfold.doctor.facts import AppFacts
from tenfold.spec.detect.evaluate import value
from tenfold.spec.detect.project import Module, assigned

UNKNOWN: Final = object()
"""Not to be known by reading."""

_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})
# Classes and files for somebody's own machine; what serves does not read them.
_ASIDE = re.compile(r"dev|test|local|debug|example|ci$", re.IGNORECASE)
_GETTERS = ("os.environ.get", "os.getenv", "environ.get", "os.environ.pop")
# env("X") of django-environ, config("X") of decouple, and helpers like env_bool("X", "1").
_ASKS = re.compile(r"(?:env|config)(?:\.\w+)?|(?:\w+\.)*(?:get_?)?env(?:_?[a-z]\w*)?")


@dataclass(frozen=True, slots=True)
class Setting:
    """One assignment of a setting.

    ``variable``: a class reads it from there, if it is set. ``constant``: a mere name of a module,
    which need not be a setting of the framework's.
    """

    name: str
    module: Module
    node: ast.AST
    value: ast.expr
    variable: str | None = None
    constant: bool = False


def is_aside(module: Module) -> bool:
    """Whether its name says that it is for tests or somebody's own machine."""
    return _ASIDE.search(module.path.stem) is not None


def chain(facts: AppFacts) -> tuple[Module, ...]:
    """Django's settings module and those that it takes everything from, the innermost first."""
    if facts.django is None:
        return ()
    found: list[Module] = []
    _follow(facts, facts.django.settings_name, found)
    return tuple(found)


def _follow(facts: AppFacts, name: str, found: list[Module]) -> None:
    assert facts.django is not None
    module = facts.project.named(name, facts.django.base)
    if module is None or module in found:
        return
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            prefix = _package(module, name, node)
            _follow(facts, prefix, found)
    found.append(module)


def _package(module: Module, name: str, node: ast.ImportFrom) -> str:
    """As :meth:`Module.imported_from`, for a module that is imported from Django's own folder."""
    if not node.level:
        return node.module or ""
    parts = name.split(".") if module.path.name == "__init__.py" else name.split(".")[:-1]
    base = parts[: len(parts) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


def of_django(facts: AppFacts, name: str) -> Setting | None:
    """The last assignment of a setting; ``None`` where nothing assigns it."""
    for module in reversed(chain(facts)):
        for node in reversed([*module.statements()]):
            pair = assigned(node)
            if pair is not None and pair[0] == name:
                return Setting(name, module, node, pair[1])
    return None


def configured(facts: AppFacts, names: re.Pattern[str]) -> Iterator[Setting]:
    """Settings of Flask and the like, and constants so called, wherever they are assigned."""
    for module in facts.modules:
        if is_aside(module):
            continue
        yield from _assigned(module, names)
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(func=ast.Attribute(value=owner, attr="update" | "from_mapping")):
                    if ast.unparse(owner).endswith("config"):
                        for k in node.keywords:
                            if k.arg and names.fullmatch(k.arg):
                                yield Setting(k.arg, module, node, k.value)
                case ast.ClassDef() if not _ASIDE.search(node.name):
                    yield from _of_class(module, node, names)


def _assigned(module: Module, names: re.Pattern[str]) -> Iterator[Setting]:
    top = {id(node) for node in module.statements()}
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        match node.targets[0]:
            case ast.Name(id=name) if id(node) in top:
                pass
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner not in ("self", "cls"):
                pass
            case ast.Subscript(
                value=ast.Attribute(attr="config"), slice=ast.Constant(value=str(name))
            ):
                pass
            case _:
                continue
        if names.fullmatch(name):
            is_name = isinstance(node.targets[0], ast.Name)
            yield Setting(name, module, node, node.value, constant=is_name)


def _of_class(module: Module, owner: ast.ClassDef, names: re.Pattern[str]) -> Iterator[Setting]:
    """Config classes; those of pydantic take the environment's values before their own."""
    bases = [ast.unparse(base) for base in owner.bases]
    from_environment = any(base.endswith("Settings") for base in bases)
    if not from_environment and not owner.name.endswith(("Config", "Settings")):
        return
    for node in owner.body:
        pair = assigned(node)
        if pair is not None and names.fullmatch(pair[0]):
            variable = pair[0].upper() if from_environment else None
            yield Setting(pair[0], module, node, pair[1], variable)


def variable_of(node: ast.expr) -> tuple[str, ast.expr | None] | None:
    """The variable that an expression asks for, and what stands in for it."""
    match node:
        case ast.Subscript(value=owner, slice=ast.Constant(value=str(name))) if ast.unparse(
            owner
        ) in ("os.environ", "environ"):
            return name, None
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *more], keywords=given):
            asked = ast.unparse(function)
            if asked not in _GETTERS and not _ASKS.fullmatch(asked):
                return None
            default = next((k.value for k in given if k.arg == "default"), None)
            positional = more[0] if more and asked not in ("env", "config") else None
            return name, default or positional
        case _:
            return None


def assumed(node: ast.expr, given: Mapping[str, str | None]) -> Any:
    """What an expression comes to where only ``given`` is set; :data:`UNKNOWN` if that is open."""
    asked = variable_of(node)
    if asked is not None:
        return _asked(node, *asked, given)
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            found = assumed(inner, given)
            return UNKNOWN if found is UNKNOWN else not found
        case ast.BoolOp(op=op, values=parts):
            return _joined(op, [assumed(part, given) for part in parts])
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(op, assumed(left, given), assumed(right, given))
        case ast.Call(func=ast.Name(id="bool" | "int" | "str" as cast), args=[inner]):
            return _cast(cast, assumed(inner, given))
        case ast.Call(func=ast.Attribute(value=inner, attr=attr), args=arguments) if attr in (
            "lower", "upper", "strip", "split", "title",
        ):  # fmt: skip
            return _method(assumed(inner, given), attr, [assumed(a, given) for a in arguments])
        case ast.Constant(value=constant):
            return constant
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [assumed(item, given) for item in items]
        case _:
            found = value(node, {})
            return UNKNOWN if found is None else found


def _asked(
    node: ast.expr, name: str, default: ast.expr | None, given: Mapping[str, str | None]
) -> Any:
    if name in given:
        found: Any = given[name] if given[name] is not None else UNKNOWN
    elif default is None:
        # Most of them raise where nothing is set and nothing stands in.
        is_get = isinstance(node, ast.Call) and ast.unparse(node.func) in _GETTERS
        return None if is_get else UNKNOWN
    else:
        found = assumed(default, given)
    asked = ast.unparse(node)
    if isinstance(found, str) and re.search(r"bool\(|(cast|parser)=bool", asked):
        return found.lower() in _TRUE
    return found


def _joined(op: ast.boolop, parts: list[Any]) -> Any:
    for part in parts[:-1]:
        if part is UNKNOWN:
            return UNKNOWN
        if bool(part) is isinstance(op, ast.Or):
            return part
    return parts[-1]


def _compared(op: ast.cmpop, left: Any, right: Any) -> Any:
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    match op:
        case ast.Eq() | ast.Is():
            return left == right
        case ast.NotEq() | ast.IsNot():
            return left != right
        case ast.In() if isinstance(right, (list, str)):
            return left in right
        case ast.NotIn() if isinstance(right, (list, str)):
            return left not in right
        case _:
            return UNKNOWN


def _cast(name: str, found: Any) -> Any:
    if found is UNKNOWN:
        return UNKNOWN
    try:
        return {"bool": bool, "int": int, "str": str}[name](found)
    except (TypeError, ValueError):
        return UNKNOWN


def _method(owner: Any, name: str, arguments: list[Any]) -> Any:
    if not isinstance(owner, str) or UNKNOWN in arguments:
        return UNKNOWN
    return getattr(owner, name)(*arguments)
