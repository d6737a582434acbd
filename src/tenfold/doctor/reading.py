"""Reading an app's source: what runs for a request, what runs when a process starts. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tenfold.doctor.facts import AppFacts
from tenfold.spec.detect.instances import FRAMEWORKS
from tenfold.spec.detect.project import Module

Function = ast.FunctionDef | ast.AsyncFunctionDef
_VERBS = frozenset({
    "get", "post", "put", "patch", "delete", "head", "options", "route", "api_route", "websocket",
    "websocket_route", "before_request", "after_request", "middleware",
})  # fmt: skip
_VIEW_DECORATORS = (
    "api_view", "require_http_methods", "require_GET", "require_POST", "login_required",
    "csrf_exempt", "cache_page",
)  # fmt: skip
_VIEW_BASES = ("View", "Resource", "HTTPEndpoint", "ViewSet", "WebSocketEndpoint", "Controller")
_METHODS = frozenset({
    "get", "post", "put", "patch", "delete", "dispatch", "list", "create", "update", "retrieve",
    "destroy", "form_valid", "on_get", "on_post", "on_receive", "on_connect",
})  # fmt: skip
_CONSTRUCTORS = frozenset(c for framework in FRAMEWORKS for c in framework.constructors)
_DEPTH = 3
"""How far calls are followed from what a process runs when it starts."""


@dataclass(frozen=True, slots=True)
class Region:
    """Code that runs in each process when it starts: ``how`` says by what."""

    how: str
    module: Module
    body: tuple[ast.AST, ...]


def inside(*nodes: ast.AST) -> Iterator[ast.AST]:
    """Everything in these nodes but the bodies of functions and classes that they define."""
    for node in nodes:
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield from inside(*ast.iter_child_nodes(node))


def calls(module: Module, nodes: Iterable[ast.AST] | None = None) -> Iterator[tuple[ast.Call, str]]:
    """Calls in these nodes (default: in the whole module) and what they call, dotted."""
    for node in ast.walk(module.tree) if nodes is None else inside(*nodes):
        if isinstance(node, ast.Call):
            yield node, module.origin(node.func) or ""


def keyword(call: ast.Call, *names: str) -> ast.expr | None:
    """The value of the first of these keyword arguments that is given."""
    return next((k.value for k in call.keywords if k.arg in names), None)


def text(node: ast.expr | None) -> str | None:
    """A text that is written out, or ``None``."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def constants(module: Module) -> Iterator[ast.Constant]:
    """Every constant of a module but docstrings."""
    told = {
        id(node.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and id(node) not in told:
            yield node


def functions(module: Module) -> Iterator[tuple[Function, ast.ClassDef | None]]:
    """Every function of a module, with the class that it is a method of."""
    for node in ast.walk(module.tree):
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield inner, node if isinstance(node, ast.ClassDef) else None


def handlers(module: Module) -> Iterator[Function]:
    """Functions and methods that answer requests, as far as their source says so."""
    for function, owner in functions(module):
        if owner is None:
            answers = _is_decorated(function) or _takes_request(function)
        else:
            answers = function.name in _METHODS and _is_view(owner)
        if answers:
            yield function


def _is_decorated(function: Function) -> bool:
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        match called:
            case ast.Attribute(value=ast.Name(id=owner), attr=verb) if verb in _VERBS:
                # Typer and click have commands and groups, not verbs; pytest has fixtures.
                return owner not in ("cli", "click", "pytest", "mock")
            case ast.Name(id=name) if name in _VIEW_DECORATORS:
                return True
            case ast.Name(id="get" | "post" | "put" | "patch" | "delete"):
                return isinstance(decorator, ast.Call)
    return False


def _takes_request(function: Function) -> bool:
    """The first argument of a view of Django or Starlette, and of nothing else, is called so."""
    first = function.args.args[:1]
    return bool(first) and first[0].arg == "request" and not function.decorator_list


def _is_view(owner: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith(_VIEW_BASES) for base in owner.bases)


def imported(facts: AppFacts) -> tuple[Module, ...]:
    """The modules that a worker imports: those that the app's own leads to.

    Django imports by names in texts, so there it is all but its commands; and all where the app's
    module is not known.
    """
    known = {module.name: module for module in facts.modules}
    if facts.django is not None:
        return tuple(m for m in facts.modules if "management" not in m.path.parts)
    if facts.entry not in known:
        return facts.modules
    waiting, seen = [facts.entry], {facts.entry}
    while waiting:
        module = known[waiting.pop()]
        for name in _names(module):
            if name in known and name not in seen:
                seen.add(name)
                waiting.append(name)
    return tuple(module for module in facts.modules if module.name in seen)


def _names(module: Module) -> Iterator[str]:
    """Dotted names that an import of this module imports, packages on the way included."""
    for node in ast.walk(module.tree):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = module.imported_from(node)
            found = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found = [name for name in map(text, node.args) if name]
        for name in found:
            parts = name.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def startup(facts: AppFacts) -> Iterator[Region]:
    """What each worker runs when it starts: imports, factories, lifespans, and what they call."""
    known = {
        f"{m.name}.{f.name}": (m, f)
        for m in facts.modules
        for f, owner in functions(m)
        if not owner
    }
    for module in imported(facts):
        for region in _own(module):
            yield region
            yield from _called(region, known, set(), _DEPTH)


def _own(module: Module) -> Iterator[Region]:
    top = tuple(
        node
        for node in module.statements()
        if isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign))
    )
    yield Region("when it is imported", module, top)
    for function, owner in functions(module):
        how = _startup(module, function, owner)
        if how is not None:
            yield Region(how, module, tuple(function.body))


def _startup(module: Module, function: Function, owner: ast.ClassDef | None) -> str | None:
    if owner is not None:
        is_config = any(ast.unparse(b).endswith("AppConfig") for b in owner.bases)
        return f"in {owner.name}.ready" if is_config and function.name == "ready" else None
    for decorator in function.decorator_list:
        name = ast.unparse(decorator)
        if "on_event(" in name and "startup" in name:
            return f"in {function.name}, at startup"
        if name.endswith(("asynccontextmanager", "before_serving", "before_first_request")):
            is_life = "life" in function.name or len(function.args.args) == 1
            return f"in {function.name}, at startup" if is_life else None
    makes = any(origin in _CONSTRUCTORS for _, origin in calls(module, function.body))
    return f"in {function.name}, which makes the app" if makes else None


def _called(
    region: Region, known: dict[str, tuple[Module, Function]], seen: set[str], depth: int
) -> Iterator[Region]:
    if not depth:
        return
    for call, origin in calls(region.module, region.body):
        if origin in known and origin not in seen:
            seen.add(origin)
            module, function = known[origin]
            # Calling an asynchronous function makes a coroutine; awaiting it runs it.
            awaited = isinstance(function, ast.FunctionDef) or _is_awaited(call, region)
            if awaited and not function.decorator_list:
                inner = Region(f"in {function.name}, at startup", module, tuple(function.body))
                yield inner
                yield from _called(inner, known, seen, depth - 1)


def _is_awaited(call: ast.Call, region: Region) -> bool:
    return any(isinstance(n, ast.Await) and n.value is call for n in inside(*region.body))


def loops(facts: AppFacts, module: Module, node: ast.expr) -> ast.AST | None:
    """The endless loop in the function, or the thread's class, that this names; or ``None``."""
    origin = module.origin(node)
    for other in facts.modules:
        for function, owner in functions(other):
            named = f"{other.name}.{owner.name if owner else function.name}"
            if named == origin and (owner is None or function.name == "run"):
                return next((n for n in inside(*function.body) if _is_endless(n)), None)
    return None


def _is_endless(node: ast.AST) -> bool:
    """``while True``, ``while running``, ``while not stop.is_set()``; not ``while i < n``."""
    match node:
        case ast.While(test=ast.Constant(value=value)):
            return bool(value)
        case ast.While(test=ast.Name() | ast.Attribute()):
            return True
        case ast.While(test=ast.UnaryOp(op=ast.Not())):
            return True
        case _:
            return False
