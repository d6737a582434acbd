"""Environment variables that an app cannot do without, read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tenfold.spec import values
from tenfold.spec.detect.found import Candidate, Note, Part
from tenfold.spec.detect.instances import Factory
from tenfold.spec.detect.project import Module, Project

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


def look(project: Project, app: Candidate, known: Mapping[str, Factory]) -> Part:
    """What an app reads as it is imported, and where it is made by one of its factories."""
    module = project.module(app.file)
    if module is None:
        return Part()
    factory = known.get(_maker(module, app.entry.partition(":")[2]))
    modules = reached(project, app, [module, *([factory.module] if factory else [])])
    sources = [m.text for m in modules] + ([_body(factory)] if factory else [])
    names = (
        *required("\n".join(sources), project.root / ".env"),
        *(name for m in modules for name in of_settings(project, m)),
    )
    return part(project.shown(app.file), tuple(dict.fromkeys(names)))


def part(reader: str, names: tuple[str, ...]) -> Part:
    """Lines of ``[env]`` for these names, and what to do about them."""
    if not names:
        return Part()
    it, are = ("them", "are") if len(names) > 1 else ("it", "is")
    note = Note(
        f"{reader} needs {', '.join(names)} in the environment",
        f"{are} in [env]: give {it} with tenfold secrets set, or set {it} where you call tenfold",
    )
    return Part(env=tuple((name, f"${{{name}}}") for name in names), notes=(note,))


def _maker(module: Module, attribute: str) -> str:
    """The dotted name of the function that makes ``app`` of ``app = create_app()``."""
    if attribute.endswith("()"):
        return f"{module.name}.{attribute.removesuffix('()')}"
    for node in module.statements():
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call) if (
                name == attribute
            ):
                return module.origin(call.func) or ""
            case _:
                continue
    return ""


def reached(project: Project, app: Candidate, first: list[Module]) -> list[Module]:
    """The project's modules that are imported with these, themselves included."""
    base = project.root / app.pythonpath
    found = {module.path: module for module in first}
    waiting = [*first]
    while waiting:
        module = waiting.pop()
        names = _imported(module)
        for origin in (o for name, o in module.imports.items() if name in names):
            for dotted_name in (origin, origin.rpartition(".")[0]):
                other = project.named(dotted_name, base) if dotted_name else None
                if other is not None and other.path not in found:
                    found[other.path] = other
                    waiting.append(other)
    return [*found.values()]


def _imported(module: Module) -> set[str]:
    """Local names of what a module imports on its top, not within a function."""
    return {
        alias.asname or alias.name.partition(".")[0]
        for node in module.statements()
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }


def _body(factory: Factory) -> str:
    """The statements of a factory, as a source of their own."""
    name = factory.name.rpartition(".")[2]
    functions = (
        node
        for node in factory.module.tree.body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    function = next(functions, None)
    body = function.body if function else []
    return ast.unparse(ast.Module([n for n in body if not isinstance(n, ast.Return)], []))


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
    if not _READS_DOTENV.search(source):
        return []
    try:
        return _IN_DOTENV.findall(dotenv.read_text("utf-8", "replace"))
    except OSError:
        return []


def _may_be_given(name: str) -> bool:
    try:
        values.variable_name(name)
    except ValueError:
        return False
    return True


def of_settings(project: Project, module: Module) -> Iterator[str]:
    """Variables of pydantic's ``BaseSettings``: fields without a default, in capitals."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and any(_is_settings(base) for base in node.bases):
            options = dict(_options(node))
            dotenv = options.get("env_file")
            file = project.root / dotenv if isinstance(dotenv, str) else None
            given = _names_in(file) if file is not None else set()
            prefix = options.get("env_prefix") or ""
            for name in _without_default(node):
                variable = f"{prefix}{name}".upper()
                if variable not in given and variable not in _GIVEN and _may_be_given(variable):
                    yield variable


def _is_settings(base: ast.expr) -> bool:
    return ast.unparse(base).rpartition(".")[2] == "BaseSettings"


def _options(settings: ast.ClassDef) -> Iterator[tuple[str, object]]:
    """``model_config = SettingsConfigDict(env_prefix="SHOP_")``, or the older ``class Config``."""
    for node in ast.walk(settings):
        match node:
            case ast.Call(func=function, keywords=keywords):
                if ast.unparse(function).rpartition(".")[2] == "SettingsConfigDict":
                    yield from (
                        (k.arg, k.value.value)
                        for k in keywords
                        if k.arg and isinstance(k.value, ast.Constant)
                    )
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                yield name, value
            case _:
                pass


def _without_default(settings: ast.ClassDef) -> Iterator[str]:
    for node in settings.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=None, annotation=annotation):
                if "ClassVar" not in ast.unparse(annotation):
                    yield name
            case _:
                continue


def _names_in(dotenv: Path) -> set[str]:
    try:
        return {name.upper() for name in _IN_DOTENV.findall(dotenv.read_text("utf-8", "replace"))}
    except OSError:
        return set()
