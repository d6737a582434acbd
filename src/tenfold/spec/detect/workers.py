"""Background workers and the Redis that they talk to: from a ``Procfile``, else from the sources.

A ``Procfile`` says what is really run, so where it names workers the sources are not asked.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from tenfold.errors import TenfoldError
from tenfold.spec import values
from tenfold.spec.detect.found import Item, Note, Part
from tenfold.spec.detect.hints import Hint
from tenfold.spec.detect.project import Module, Project
from tenfold.spec.worker_kinds import UNKNOWN, kind_of
from tenfold.spec.workers import worker_name

URL: Final = "REDIS_URL"
_NOT_A_WORKER: Final = ("web", "release")
_SHELL: Final = re.compile(r"[;&|<>$`*?~#()\\]")
_BEATS: Final = ("beat_schedule", "BEAT_SCHEDULE", "add_periodic_task", "django_celery_beat")
_OF_DJANGO: Final[Mapping[str, tuple[str, str]]] = {
    "django_rq": ("rq", "python manage.py rqworker default"),
    "django_dramatiq": ("dramatiq", "python manage.py rundramatiq"),
    "huey.contrib.djhuey": ("huey", "python manage.py run_huey"),
    "django_q": ("cluster", "python manage.py qcluster"),
    "procrastinate.contrib.django": ("procrastinate", "python manage.py procrastinate worker"),
    "django_tasks.backends.database": ("tasks", "python manage.py db_worker"),
    "django_tasks_db": ("tasks", "python manage.py db_worker"),
}
_BROKERED: Final = ("celery", "celery with beat", "rq", "dramatiq", "huey")


def look(project: Project, known: tuple[Hint, ...]) -> Part:
    """What is started beside the web process, and whether it wants a Redis."""
    named = [h for h in known if h.process not in _NOT_A_WORKER and h.server is None]
    found = [(_name(h.process), h.command, h.where) for h in named if _is_plain(h.command)]
    notes = [_not_plain(h) for h in named if not _is_plain(h.command)]
    if not found:
        found = list(_in_sources(project))
    reads = next(iter(project.modules(URL)), None)
    items = [Item("workers", f"{_called(c)}: {c}", where) for _, c, where in found]
    if reads is not None:
        items.append(Item("workers", f"{URL} is read", project.shown(reads.path)))
    brokered = [c for _, c, _ in found if kind_of(c).name in _BROKERED]
    if brokered and reads is None:
        notes.append(
            Note(
                f"{_called(brokered[0])} has a broker, and nothing reads {URL}",
                f'take its address from os.environ["{URL}"], and add a table [redis]',
            )
        )
    return Part(
        workers=tuple((name, command) for name, command, _ in found),
        redis=reads is not None,
        items=tuple(items),
        notes=tuple(notes),
    )


def _called(command: str) -> str:
    kind = kind_of(command).name
    return "a worker" if kind == UNKNOWN else kind


def _is_plain(command: str) -> bool:
    try:
        values.worker_command(command)
    except (ValueError, TenfoldError):
        return False
    return not _SHELL.search(command)


def _not_plain(hint: Hint) -> Note:
    return Note(
        f"{hint.where} starts a process {hint.process}: {hint.command}",
        f"a shell is needed for it:  [workers.{_name(hint.process)}] command = \"sh -c '...'\"",
    )


def _name(text: str) -> str:
    name = values.slug(text)
    try:
        return worker_name(name)
    except ValueError:
        return f"{name}-worker"


def _in_sources(project: Project) -> Iterator[tuple[str, str, str]]:
    """Name, command and evidence of each kind of worker that the sources speak of."""
    yield from _celery(project)
    of_django = list(_django(project))
    yield from of_django
    names = [name for name, _, _ in of_django]
    for name, found in (("rq", _rq), ("dramatiq", _dramatiq), ("huey", _huey)):
        if name not in names:
            yield from found(project)


def _celery(project: Project) -> Iterator[tuple[str, str, str]]:
    for module, target, line in _made(project, "Celery", ("celery.Celery", "celery.app.Celery")):
        package = module.name.removesuffix(".celery")
        app = package if target in ("app", "celery") else f"{module.name}:{target}"
        where = project.shown(module.path, line)
        yield "celery", f"celery -A {app} worker", where
        scheduled = next(iter(project.modules(*_BEATS)), None)
        if scheduled is not None:
            yield "beat", f"celery -A {app} beat", project.shown(scheduled.path)
        return


def _django(project: Project) -> Iterator[tuple[str, str, str]]:
    if not (project.root / "manage.py").is_file():
        return
    given: set[str] = set()
    for word, (name, command) in _OF_DJANGO.items():
        for module in project.modules(f'"{word}"', f"'{word}'"):
            if name not in given:
                given.add(name)
                yield name, command, project.shown(module.path)


def _rq(project: Project) -> Iterator[tuple[str, str, str]]:
    queues: list[str] = []
    where = ""
    for module in project.modules("Queue("):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and module.origin(node.func) in (
                "rq.Queue",
                "rq.queue.Queue",
            ):
                first = node.args[0] if node.args else None
                constant = isinstance(first, ast.Constant) and isinstance(first.value, str)
                queues.append(str(first.value) if constant else "default")  # type: ignore[union-attr]
                where = where or project.shown(module.path, node.lineno)
    if queues:
        names = [q for q in dict.fromkeys(queues) if re.fullmatch(r"[\w.:-]+", q)]
        yield "rq", f"rq worker {' '.join(names)}".strip(), where


def _dramatiq(project: Project) -> Iterator[tuple[str, str, str]]:
    found = [m for m in project.modules("dramatiq") if re.search(r"@(dramatiq\.)?actor\b", m.text)]
    found = [m for m in found if not project.is_aside(m.path)]
    if found:
        modules = " ".join(m.name for m in found)
        yield "dramatiq", f"dramatiq {modules}", project.shown(found[0].path)


def _huey(project: Project) -> Iterator[tuple[str, str, str]]:
    kinds = tuple(
        f"huey.{n}Huey" for n in ("Redis", "PriorityRedis", "RedisExpire", "Sqlite", "Sql")
    )
    for module, target, line in _made(project, "Huey(", kinds):
        where = project.shown(module.path, line)
        yield "huey", f"python -m huey.bin.huey_consumer {module.name}.{target}", where
        return


def _made(
    project: Project, word: str, makers: tuple[str, ...]
) -> Iterator[tuple[Module, str, int]]:
    """Names that a module gives to what one of these makes: module, name, line."""
    for module in project.modules(word):
        if project.is_aside(module.path):
            continue
        for node in module.statements():
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                continue
            target = node.targets[0]
            if isinstance(target, ast.Name) and module.origin(node.value.func) in makers:
                yield module, target.id, node.lineno
