"""Apps that are an object: ``app = FastAPI()``, also by way of a factory."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tenfold.spec.detect.found import Candidate, Interface
from tenfold.spec.detect.project import Module, Project, dotted


@dataclass(frozen=True, slots=True)
class Framework:
    """How a framework's app is made. A new framework is one more line in ``FRAMEWORKS``."""

    name: str
    package: str
    interface: Interface
    constructors: tuple[str, ...]


FRAMEWORKS: Final = (
    Framework("FastAPI", "fastapi", "asgi", ("fastapi.FastAPI", "fastapi.applications.FastAPI")),
    Framework("Starlette", "starlette", "asgi", ("starlette.applications.Starlette",)),
    Framework("Litestar", "litestar", "asgi", ("litestar.Litestar", "litestar.app.Litestar")),
    Framework("Quart", "quart", "asgi", ("quart.Quart", "quart.app.Quart")),
    Framework("Flask", "flask", "wsgi", ("flask.Flask", "flask.app.Flask")),
)
PLAIN: Final[Mapping[tuple[str, ...], Framework]] = {
    ("scope", "receive", "send"): Framework("ASGI", "", "asgi", ()),
    ("environ", "start_response"): Framework("WSGI", "", "wsgi", ()),
}
"""Functions with just these arguments are apps, whatever made them."""
_BY_CONSTRUCTOR: Final = {c: framework for framework in FRAMEWORKS for c in framework.constructors}
_WORDS: Final = tuple(framework.package for framework in FRAMEWORKS)


@dataclass(frozen=True, slots=True)
class Factory:
    """A function that returns an app: its dotted name, where it stands, and what it must be
    given."""

    name: str
    framework: Framework
    module: Module
    line: int
    wants: tuple[str, ...] = ()


def factories(project: Project) -> Mapping[str, Factory]:
    """Functions that make an app, by dotted name; those in tests and examples are left out."""
    found: dict[str, Factory] = {}
    for module in project.modules(*_WORDS):
        if project.is_aside(module.path):
            continue
        for node in module.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                framework = _returned(module, node)
                if framework is not None:
                    name = f"{module.name}.{node.name}"
                    wants = () if isinstance(node, ast.FunctionDef) else ("await",)
                    found[name] = Factory(
                        name, framework, module, node.lineno, wants + _wanted(node.args)
                    )
    return found


def _wanted(arguments: ast.arguments) -> tuple[str, ...]:
    """Names of arguments without a default."""
    positional = [*arguments.posonlyargs, *arguments.args]
    without = positional[: len(positional) - len(arguments.defaults)]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return tuple(a.arg for a in (*without, *(a for a, default in pairs if default is None)))


def _returned(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Framework | None:
    made: dict[str, Framework] = {}
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=made_by) if f := _made(
                module, made_by
            ):
                made[name] = f
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as made_by) if f := _made(
                module, made_by
            ):
                made[name] = f
    for node in ast.walk(function):
        match node:
            case ast.Return(value=ast.Name(id=name)) if name in made:
                return made[name]
            case ast.Return(value=ast.Call() as made_by):
                return _made(module, made_by)
    return None


def _made(module: Module, node: ast.expr) -> Framework | None:
    """The framework whose constructor this expression calls."""
    if not isinstance(node, ast.Call):
        return None
    return _BY_CONSTRUCTOR.get(module.origin(node.func) or "")


def candidates(project: Project, known: Mapping[str, Factory]) -> tuple[Candidate, ...]:
    """Every object on a module's top that is an app, the likely ones first.

    Left out are those that another app mounts, and, as long as there are others, those in tests,
    examples and the like.
    """
    words = (*_WORDS, *{name.rpartition(".")[2] for name in known})
    modules = [*project.modules(*words)]
    found = [c for module in modules for c in _in_module(project, module, known)]
    mounted = {name for module in modules for name in _mounted(module)}
    free = [c for c in found if c.entry.replace(":", ".") not in mounted] or found
    return tuple([c for c in free if not project.is_aside(c.file)] or free)


def called(project: Project, known: Mapping[str, Factory]) -> tuple[Candidate, ...]:
    """Factories that can be called as they are, for a project whose modules call none."""
    return tuple(
        _candidate(
            project,
            factory.module,
            f"{factory.name.rpartition('.')[2]}()",
            factory.framework,
            factory.line,
        )
        for factory in known.values()
        if not factory.wants
    )


def plain(project: Project) -> tuple[Candidate, ...]:
    """Functions that are apps themselves, those named like one before all others."""
    found: list[Candidate] = []
    for module in project.modules(*(arguments[0] for arguments in PLAIN)):
        if project.is_aside(module.path):
            continue
        for node in module.tree.body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            framework = PLAIN.get(tuple(a.arg for a in node.args.args))
            if framework is not None:
                found.append(_candidate(project, module, node.name, framework, node.lineno))
    named = [c for c in found if c.entry.rpartition(":")[2] in ("app", "application")]
    return tuple(named or found)


def _in_module(
    project: Project, module: Module, known: Mapping[str, Factory]
) -> Iterator[Candidate]:
    made: dict[str, tuple[Framework, int]] = {}
    for node in module.statements():
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as call):
                pass
            case _:
                continue
        origin = module.origin(call.func) or ""
        factory = known.get(origin)
        framework = factory.framework if factory else _BY_CONSTRUCTOR.get(origin)
        if framework is not None:
            made.setdefault(name, (framework, node.lineno))
    for name, (framework, line) in made.items():
        yield _candidate(project, module, name, framework, line)


def _candidate(
    project: Project, module: Module, attribute: str, framework: Framework, line: int
) -> Candidate:
    return Candidate(
        entry=f"{module.name}:{attribute}",
        framework=framework.name,
        interface=framework.interface,
        file=module.path,
        line=line,
        pythonpath=dotted(project.root, module.path)[1],
    )


def _mounted(module: Module) -> Iterator[str]:
    """Dotted names of apps that are mounted below another: ``app.mount("/api", api)``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and _is_mount(node.func):
            arguments = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
            yield from filter(None, map(module.origin, arguments))


def _is_mount(function: ast.expr) -> bool:
    return ast.unparse(function).rpartition(".")[2] in ("mount", "Mount")
