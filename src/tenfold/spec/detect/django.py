"""Django projects: from ``manage.py`` to the settings, and what those say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.spec.detect import django_hosts, uploads, variables
from tenfold.spec.detect.evaluate import Names, constants
from tenfold.spec.detect.found import Candidate, Item, Note, Part, Stored
from tenfold.spec.detect.installed import Installed
from tenfold.spec.detect.project import Module, Project
from tenfold.spec.detect.routes import HEALTH_PAGES

# A database that is no file of the release, as :func:`ast.unparse` writes it.
_OUTSIDE = re.compile(r"'NAME': '(/|:memory:)")


@dataclass(frozen=True, slots=True)
class Django:
    """A Django project: the folder of its ``manage.py`` and its evaluated settings."""

    project: Project
    manage: Path
    settings_name: str
    settings: Names
    source: str
    candidates: tuple[Candidate, ...]
    env: tuple[tuple[str, str], ...] = ()

    @property
    def base(self) -> Path:
        """The folder that the project's packages are imported from."""
        return self.manage.parent

    @property
    def command(self) -> str:
        """``python manage.py``, as it is written from the project's root."""
        return f"python {self.project.shown(self.manage)}"


def find(project: Project, installed: Installed) -> Django | None:
    """The Django project in this folder, or one level below; ``None`` if there is none."""
    for manage in (project.root / "manage.py", *sorted(project.root.glob("*/manage.py"))):
        module = project.module(manage) if manage.is_file() else None
        managed = _settings_module(module) if module else None
        if module is not None and managed is not None:
            return _read(project, installed, manage, managed)
    return None


def _settings_module(module: Module) -> str | None:
    """What ``os.environ.setdefault("DJANGO_SETTINGS_MODULE", ...)`` names."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="setdefault"),
                args=[ast.Constant(value="DJANGO_SETTINGS_MODULE"), ast.Constant(value=str(name))],
            ):
                return name
            case _:
                continue
    return None


def _read(project: Project, installed: Installed, manage: Path, managed: str) -> Django:
    base = manage.parent
    served = managed
    candidates: list[Candidate] = []
    for name, interface in _servers(project, base, managed, installed):
        module = project.named(name, base)
        if module is not None:
            served = _settings_module(module) or served if not candidates else served
            candidates.append(_candidate(project, base, name, interface, module))
    settings, source = _evaluate(project, base, served)
    # What serves and what migrates must read the same settings.
    env = (("DJANGO_SETTINGS_MODULE", served),) if served != managed else ()
    return Django(project, manage, served, settings, source, tuple(candidates), env)


def _servers(
    project: Project, base: Path, settings_name: str, installed: Installed
) -> list[tuple[str, Any]]:
    """Modules with the app, the better one first: what the settings name, what can be served."""
    settings, _ = _evaluate(project, base, settings_name)
    package = settings_name.partition(".")[0]
    named = {kind: settings.get(f"{kind.upper()}_APPLICATION") for kind in ("asgi", "wsgi")}
    modules = {
        kind: name.rpartition(".")[0] if isinstance(name, str) else f"{package}.{kind}"
        for kind, name in named.items()
    }
    # startproject writes WSGI_APPLICATION alone; whoever adds the other wants asynchronous views.
    wants_asgi = named["asgi"] is not None and installed.has("uvicorn")
    only_asgi = installed.has("uvicorn") and not installed.has("gunicorn")
    order = ("asgi", "wsgi") if wants_asgi or only_asgi else ("wsgi", "asgi")
    return [(modules[kind], kind) for kind in order]


def _candidate(
    project: Project, base: Path, name: str, interface: Any, module: Module
) -> Candidate:
    relative = base.relative_to(project.root)
    return Candidate(
        entry=f"{name}:application",
        framework="Django",
        interface=interface,
        file=module.path,
        line=1,
        pythonpath="" if relative == Path() else str(relative),
    )


def _evaluate(project: Project, base: Path, name: str) -> tuple[Names, str]:
    """The settings as far as they can be read, those of ``from .base import *`` included."""
    module = project.named(name, base)
    if module is None:
        return {}, ""
    known: dict[str, Any] = {}
    source = module.text
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            parts = name.split(".") if module.path.name == "__init__.py" else name.split(".")[:-1]
            package = parts[: len(parts) - max(node.level - 1, 0)] if node.level else []
            inner = ".".join([*package, *([node.module] if node.module else [])])
            if inner != name:
                names, text = _evaluate(project, base, inner)
                known |= names
                source = f"{text}\n{source}"
    return constants([*module.statements()], module.path, known), source


def look(django: Django) -> Part:
    """Migrations, static files and what to know of the settings."""
    count = sum(1 for _ in _migrations(django.base))
    assets, build, static = _static(django)
    storage, kept = _media(django)
    items = [
        Item("migrations", f"{count} migration{'s' * (count != 1)}", "*/migrations/"),
        *static,
        *kept,
    ]
    health = _health(django)
    if health:
        items.append(Item("health", f"health page {health}", str(django.settings["ROOT_URLCONF"])))
    names = variables.required(django.source, django.project.root / ".env")
    needed = variables.part(django.settings_name, names)
    return Part(
        build=build,
        migrate=f"{django.command} migrate --noinput",
        health=health,
        assets=assets,
        storage=storage,
        env=(*django.env, *needed.env),
        items=tuple(items),
        notes=(*_notes(django), *needed.notes),
    )


def _migrations(base: Path) -> Iterator[Path]:
    for path in base.glob("*/migrations/[0-9]*.py"):
        yield path
    for path in base.glob("*/*/migrations/[0-9]*.py"):
        if not {".venv", "venv", "site-packages", "node_modules"} & set(path.parts):
            yield path


def _static(django: Django) -> tuple[tuple[tuple[str, str], ...], str | None, list[Item]]:
    """STATIC_ROOT is filled by collectstatic in the new release, and served by the edge."""
    url, root = django.settings.get("STATIC_URL"), django.settings.get("STATIC_ROOT")
    project = django.project.root
    if not isinstance(url, str) or not url.strip("/") or "//" in url:
        return (), None, []
    if not root or not _is_inside(django, root) or project / root == project:
        return (), None, []
    path = project / root
    directory = str(path.relative_to(project))
    prefix = f"/{url.strip('/')}"
    item = Item("static", f"{directory}/ at {prefix}", f"STATIC_ROOT in {django.settings_name}")
    return ((prefix, directory),), f"{django.command} collectstatic --noinput", [item]


def _media(django: Django) -> tuple[tuple[Stored, ...], list[Item]]:
    """MEDIA_ROOT outlives releases; at MEDIA_URL everybody may read it, as Django means it."""
    url, root = django.settings.get("MEDIA_URL"), django.settings.get("MEDIA_ROOT")
    directory = uploads.inside(django.project.root, root)
    if directory is None:
        return (), []
    local = isinstance(url, str) and url.strip("/") and "//" not in url
    prefix = f"/{url.strip('/')}" if isinstance(url, str) and local else None
    what = f"{directory}/ at {prefix}, for uploads" if prefix else f"{directory}/ for uploads"
    item = Item("storage", what, f"MEDIA_ROOT in {django.settings_name}")
    return (Stored(directory, prefix),), [item]


def _health(django: Django) -> str | None:
    """A health page among the first level of the URL patterns."""
    urls = django.settings.get("ROOT_URLCONF")
    module = django.project.named(urls, django.base) if isinstance(urls, str) else None
    if module is None:
        return None
    found = {
        f"/{node.args[0].value}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and ast.unparse(node.func) == "path"
        and not any("include(" in ast.unparse(argument) for argument in node.args[1:])
    }
    pages = (variant for page in HEALTH_PAGES for variant in (page, f"{page}/"))
    return next((page for page in pages if page in found), None)


def _notes(django: Django) -> Iterator[Note]:
    settings, name = django.settings, django.settings_name
    yield from _database(django)
    yield from _secrecy(django)
    health = _health(django) is not None
    yield from django_hosts.notes(settings, name, django.source, health=health)
    root = settings.get("STATIC_ROOT")
    if root and not _is_inside(django, root):
        yield Note(
            f"STATIC_ROOT of {name} is outside of the project",
            'the edge serves folders of the release; set STATIC_ROOT = BASE_DIR / "staticfiles"',
        )
    if settings.get("STATIC_URL") and not root:
        yield Note(
            f"STATIC_ROOT is not set in {name}",
            'no static files with DEBUG off; set STATIC_ROOT = BASE_DIR / "staticfiles"',
        )


def _secrecy(django: Django) -> Iterator[Note]:
    settings, name = django.settings, django.settings_name
    if settings.get("DEBUG") is True:
        then = "fine here; with it, errors show your code to visitors"
        if settings.get("ALLOWED_HOSTS") == []:
            then += "; without it, ALLOWED_HOSTS may not be empty"
        yield Note(f"DEBUG is on in {name}", then)
    # Settings that could only be read in part may set it elsewhere.
    missing = "SECRET_KEY" not in django.source and "ROOT_URLCONF" in settings
    if missing or settings.get("SECRET_KEY") == "":
        yield Note(
            f"SECRET_KEY is not set in {name}",
            'Django does not start without; SECRET_KEY = os.environ["SECRET_KEY"]',
        )
    elif isinstance(settings.get("SECRET_KEY"), str):
        yield Note(f"SECRET_KEY is written in {name}", "fine here; take it from the environment")


def _is_inside(django: Django, path: Any) -> bool:
    root = django.project.root
    return isinstance(path, (str, Path)) and (root / path).is_relative_to(root)


def _database(django: Django) -> Iterator[Note]:
    text = _assignment(django.source, "DATABASES")
    if text is None or "DATABASE_URL" in text or "dj_database_url" in text or ".db(" in text:
        return
    if "sqlite3" in text and not _OUTSIDE.search(text):
        yield Note(
            "DATABASES is a SQLite file",
            "it lies in the release: a deploy refuses to leave it behind; "
            "read DATABASE_URL instead (docs/howto/django.md)",
        )
        return
    kind = "SQLite" if "sqlite3" in text else "fixed"
    yield Note(
        f"DATABASES in {django.settings_name} is {kind}, and does not read DATABASE_URL",
        'use DATABASES = {"default": dj_database_url.config()} (pip install dj-database-url)',
    )


def _assignment(source: str, name: str) -> str | None:
    """The source of everything that is assigned to a name; the last one wins, helpers count."""
    texts = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and any(_names(target, name) for target in node.targets)
    ]
    return "\n".join(texts) or None


def _names(target: ast.expr, name: str) -> bool:
    inner: Any = target.value if isinstance(target, ast.Subscript) else target
    return isinstance(inner, ast.Name) and inner.id == name
