"""Static mounts and health pages of apps that are an object."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tenfold.spec.detect import uploads
from tenfold.spec.detect.evaluate import constants, value
from tenfold.spec.detect.found import Candidate, Item, Note, Part, Stored
from tenfold.spec.detect.project import Module, Project

# The page that tells most comes first.
HEALTH_PAGES: Final = (
    "/readyz", "/ready", "/healthz", "/health", "/health/ready", "/-/health", "/api/health",
    "/livez", "/ping", "/up",
)  # fmt: skip
_VERBS: Final = frozenset({"get", "route", "api_route", "add_api_route", "add_route", "Route"})


def look(project: Project, app: Candidate) -> Part:
    """Static directories and the health page, from every file that belongs to the app."""
    assets: dict[str, str] = {}
    items: list[Item] = []
    notes: list[Note] = []
    stored: list[Stored] = []
    pages: dict[str, Item] = {}
    names = {app.entry.partition(":")[2], "app", "application"}
    routers = _routers(project, names)
    for module in project.modules("StaticFiles", "Route", "get(", "route("):
        if project.is_aside(module.path):
            continue
        for url, directory, line in _mounts(project, module):
            where = project.shown(module.path, line)
            kept = uploads.inside(project.root, directory)
            if kept is not None and uploads.is_for_users(url, directory):
                stored.append(Stored(kept, url))
                items.append(Item("storage", f"{kept}/ at {url}, for uploads", where))
                continue
            inside = _inside(project.root, directory)
            if inside is None:
                fact = f"the static files of {url} ({where}) are not in a folder of the project"
                notes.append(Note(fact, "the app itself goes on serving them"))
            elif inside:
                assets.setdefault(url, inside)
                items.append(Item("static", f"{inside}/ at {url}", where))
        for page, line in _pages(module, _owners(module, names, routers)):
            where = project.shown(module.path, line)
            pages.setdefault(page, Item("health", f"health page {page}", where))
    health = next((page for page in HEALTH_PAGES if page in pages), None)
    found = [*items, *([pages[health]] if health else [])]
    return Part(
        health=health,
        assets=tuple(assets.items()),
        storage=tuple(stored),
        items=tuple(found),
        notes=tuple(notes),
    )


def flask_static(project: Project, app: Candidate) -> Part:
    """Flask serves ``static`` beside the module that makes the app."""
    folder = app.file.parent / "static"
    if not folder.is_dir():
        return Part()
    inside = str(folder.relative_to(project.root))
    item = Item("static", f"{inside}/ at /static", project.shown(app.file, app.line))
    return Part(assets=(("/static", inside),), items=(item,))


def _mounts(project: Project, module: Module) -> Iterator[tuple[str, Path | None, int]]:
    """``mount("/static", StaticFiles(...))``: the URL, the directory if known, the line."""
    names = _constants(project, module)
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        if ast.unparse(node.func).rpartition(".")[2] not in ("mount", "Mount"):
            continue
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        url = value(given[0], names) if given else None
        files = next((_static_files(module, argument) for argument in given[1:]), None)
        if isinstance(url, str) and url.strip("/") and files is not None:
            directory = value(_argument(files, "directory", 0), names)
            yield url.rstrip("/"), Path(directory) if directory else None, node.lineno


def _static_files(module: Module, node: ast.expr) -> ast.Call | None:
    """The call, if it is a StaticFiles that only serves files: no ``html``, no ``packages``."""
    if not isinstance(node, ast.Call) or not (module.origin(node.func) or "").endswith(
        "staticfiles.StaticFiles"
    ):
        return None
    extra = {keyword.arg for keyword in node.keywords} & {"html", "packages"}
    return None if extra else node


def _argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    return named or (call.args[position] if len(call.args) > position else None)


def _inside(root: Path, directory: Path | None) -> str | None:
    """The directory relative to the project; empty if it does not exist, ``None`` if elsewhere."""
    if directory is None:
        return None
    full = root / directory
    if not full.is_relative_to(root) or full == root:
        return None
    return str(full.relative_to(root)) if full.is_dir() else ""


def _constants(project: Project, module: Module) -> Mapping[str, Any]:
    """The module's own constants, and those that it imports from its project's modules."""
    imported: dict[str, Any] = {}
    for name, origin in module.imports.items():
        inner, _, attribute = origin.rpartition(".")
        other = project.named(inner) if inner else None
        if other is not None and other is not module:
            imported[name] = constants([*other.statements()], other.path).get(attribute)
    return constants([*module.statements()], module.path, imported)


def _routers(project: Project, names: set[str]) -> Mapping[str, str]:
    """Routers that the app includes itself, by dotted name, with the prefix of their inclusion."""
    found: dict[str, str] = {}
    for module in project.modules("include_router", "register_blueprint"):
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name(id=owner), attr="include_router" | "register_blueprint"
                    ),
                    args=[router, *_],
                ) if owner in names:
                    prefix = _prefix(node)
                    origin = module.origin(router)
                    if origin and prefix is not None:
                        found[origin] = prefix
                case _:
                    continue
    return found


def _prefix(call: ast.Call) -> str | None:
    """The URL prefix that a call gives; empty without one, ``None`` if it cannot be read."""
    given = [k.value for k in call.keywords if k.arg in ("prefix", "url_prefix")]
    found = value(given[0], {}) if given else ""
    return found if isinstance(found, str) else None


def _owners(module: Module, names: set[str], routers: Mapping[str, str]) -> Mapping[str, str]:
    """Names in a module whose routes are the app's, with the URL prefix of those routes."""
    owners = dict.fromkeys(names, "")
    for node in module.statements():
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                included = routers.get(f"{module.name}.{name}")
                own = _prefix(call)
                if included is not None and own is not None:
                    owners[name] = included + own
            case _:
                continue
    return owners


def _pages(module: Module, owners: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr=verb), args=[first, *_]
            ):
                prefix = owners.get(owner) if verb in _VERBS else None
            case ast.Call(func=ast.Name(id="Route"), args=[first, *_]):
                prefix = ""
            case ast.Call(func=ast.Name(id="get") as function, args=[first, *_]):
                # Litestar's handlers are not made by an app.
                origin = module.origin(function) or ""
                prefix = "" if origin.startswith("litestar.") else None
            case _:
                continue
        path = value(first, {})
        if prefix is not None and isinstance(path, str) and prefix + path in HEALTH_PAGES:
            yield prefix + path, node.lineno
