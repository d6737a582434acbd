"""Queues in a source: where jobs are, when they count as done, what is scheduled. Pure."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tenfold.doctor.facts import AppFacts
from tenfold.doctor.reading import calls, keyword, text
from tenfold.doctor.settings import UNKNOWN, Setting, assumed, of_django
from tenfold.spec.detect.project import Module, assigned
from tenfold.spec.worker_kinds import UNKNOWN as UNKNOWN_KIND
from tenfold.spec.worker_kinds import kind_of
from tenfold.spec.workers import WorkerTable

CELERY: Final = ("celery", "celery with beat")
VISIBILITY_SECONDS: Final = 3600.0
"""After so long Celery's Redis transport gives an unacknowledged job to another worker."""
_MAKES_CELERY: Final = ("celery.Celery", "celery.app.Celery", "celery.app.base.Celery")
_OLD_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "broker_url": ("BROKER_URL",),
    "task_acks_late": ("CELERY_ACKS_LATE",),
    "task_always_eager": ("CELERY_ALWAYS_EAGER",),
    "beat_schedule": ("CELERYBEAT_SCHEDULE",),
    "broker_transport_options": ("BROKER_TRANSPORT_OPTIONS",),
    "task_time_limit": ("CELERYD_TASK_TIME_LIMIT",),
}
_OTHER_BROKERS: Final = ("amqp://", "amqps://", "pyamqp://", "sqs://", "RabbitmqBroker")
_STARTS: Final = (
    "subprocess.Popen", "subprocess.run", "subprocess.call", "os.system",
    "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell",
)  # fmt: skip


def kinds(workers: Mapping[str, WorkerTable]) -> dict[str, str]:
    """What is known of each worker's command, by the worker's name."""
    return {name: kind_of(table.command, table.count).name for name, table in workers.items()}


def of_celery(facts: AppFacts, name: str) -> Iterator[Setting]:
    """Every place that gives a setting of Celery's, in whichever of its ways."""
    for spelled in (f"CELERY_{name.upper()}", *_OLD_NAMES.get(name, ())):
        found = of_django(facts, spelled)
        if found is not None:
            yield found
    for module in facts.mentioning(name, *(["Celery("] if name == "broker_url" else [])):
        for node in ast.walk(module.tree):
            value = _given(module, node, name)
            if value is not None:
                yield Setting(name, module, node, value)
    for module in filter(None, _configurations(facts)):
        for node in module.statements():
            pair = assigned(node)
            if pair is not None and pair[0] == name:
                yield Setting(name, module, node, pair[1])


def _given(module: Module, node: ast.AST, name: str) -> ast.expr | None:
    """The value that ``app.conf.NAME = ...`` and the like give."""
    match node:
        case ast.Assign(targets=[ast.Attribute(value=ast.Attribute(attr="conf"), attr=attr)]):
            return node.value if attr == name else None
        case ast.Assign(
            targets=[ast.Subscript(value=ast.Attribute(attr="conf"), slice=ast.Constant(value=key))]
        ):
            return node.value if key == name else None
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="conf"), attr="update")):
            return keyword(node, name) or _of_dicts(node.args, name)
        case ast.Call() if module.origin(node.func) in _MAKES_CELERY:
            return keyword(node, name, *(["broker"] if name == "broker_url" else []))
        case _:
            return None


def _of_dicts(nodes: Iterable[ast.expr], name: str) -> ast.expr | None:
    for node in nodes:
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if text(key) == name:
                    return value
    return None


def _configurations(facts: AppFacts) -> Iterator[Module | None]:
    """Modules that Celery reads its settings from; ``None`` for what cannot be read."""
    for module in facts.mentioning("config_from_"):
        for call, _ in calls(module):
            called = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if called == "config_from_envvar":
                yield None
            elif called == "config_from_object":
                name = text(call.args[0]) if call.args else None
                if name is None or not name.startswith("django.conf"):
                    yield facts.project.named(name.replace(":", ".")) if name else None


def acks_late(facts: AppFacts) -> bool | None:
    """Whether any job of Celery's counts as done only when it is; ``None`` if that is not known."""
    if any(module is None for module in _configurations(facts)):
        return None
    found = [assumed(s.value, facts.given) for s in of_celery(facts, "task_acks_late")]
    found += [
        assumed(given, facts.given)
        for module in facts.mentioning("acks_late")
        for call, _ in calls(module)
        if (given := keyword(call, "acks_late")) is not None
    ]
    return None if UNKNOWN in found and True not in found else True in found


def longest_seconds(facts: AppFacts) -> tuple[float, str] | None:
    """The longest that a job of Celery's may take, and where that is said; ``None`` if nowhere."""
    limits = [
        (seconds, facts.at(one.module, one.node))
        for one in of_celery(facts, "task_time_limit")
        if (seconds := number(one.value)) is not None
    ]
    for module in facts.mentioning("time_limit"):
        for call, origin in calls(module):
            called = origin.rpartition(".")[2]
            given = keyword(call, "time_limit") if called in ("task", "shared_task") else None
            if given is not None and (seconds := number(given)) is not None:
                limits.append((seconds, facts.at(module, call)))
    return max(limits, default=None)


def visibility_seconds(facts: AppFacts) -> float | None:
    """When a job that is not acknowledged is given to another worker; ``None`` if not known."""
    found = VISIBILITY_SECONDS
    for one in of_celery(facts, "broker_transport_options"):
        if not isinstance(one.value, ast.Dict):
            return None
        given = _of_dicts([one.value], "visibility_timeout")
        seconds = number(given) if given is not None else VISIBILITY_SECONDS
        if seconds is None:
            return None
        found = seconds
    return found


def number(node: ast.expr) -> float | None:
    """A number that is written out, such as ``30 * 60``."""
    match node:
        case ast.Constant(value=int() | float() as found) if not isinstance(found, bool):
            return float(found)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            first, second = number(left), number(right)
            return None if first is None or second is None else first * second
        case _:
            return None


def scheduled(facts: AppFacts) -> Iterator[str]:
    """Where Celery is told what to do when."""
    for one in of_celery(facts, "beat_schedule"):
        if not isinstance(one.value, ast.Dict) or one.value.keys:
            yield facts.at(one.module, one.node)
    for module in facts.mentioning("add_periodic_task"):
        for call, _ in calls(module):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "add_periodic_task":
                yield facts.at(module, call)
    apps = of_django(facts, "INSTALLED_APPS")
    if apps is not None and "django_celery_beat" in ast.unparse(apps.value):
        yield f"{facts.at(apps.module, apps.node)} django_celery_beat"


def brokers(facts: AppFacts) -> Iterator[tuple[str, ast.expr]]:
    """Where Celery's broker is named, and the expression that does."""
    for one in of_celery(facts, "broker_url"):
        yield facts.at(one.module, one.node), one.value


def in_redis(facts: AppFacts, workers: Mapping[str, WorkerTable]) -> tuple[str, ...]:
    """The workers that take their jobs from a Redis-compatible server, as far as can be told."""
    return tuple(name for name, kind in kinds(workers).items() if _is_in_redis(facts, kind))


def _is_in_redis(facts: AppFacts, kind: str) -> bool:
    if kind in ("rq", "arq"):
        return True
    if kind in CELERY:
        named = [ast.unparse(node).lower() for _, node in brokers(facts)]
        if named and not any("broker" in name or "env" in name for name in named):
            return any("redis" in name for name in named)
    words = {
        **dict.fromkeys(CELERY, ("REDIS_URL", "redis://", "rediss://")),
        "dramatiq": ("RedisBroker",),
        "huey": ("RedisHuey", "PriorityRedis", "djhuey"),
        "django-q": ("'redis'", '"redis"'),
    }.get(kind, ())
    return _has(facts, words) and not _has(facts, _OTHER_BROKERS)


def _has(facts: AppFacts, words: tuple[str, ...]) -> bool:
    return any(True for _ in facts.mentioning(*words))


def starts_a_worker(module: Module, call: ast.Call) -> bool:
    """Whether a call starts a queue's worker as a process: ``Popen(["celery", ...])``."""
    if module.origin(call.func) not in _STARTS or not call.args:
        return False
    first = call.args[0]
    nodes = first.elts if isinstance(first, (ast.List, ast.Tuple)) else call.args
    words = [word for word in map(text, nodes) if word]
    try:
        told = shlex.join(words) if len(words) > 1 else "".join(words)
        return kind_of(told).name != UNKNOWN_KIND
    except ValueError:
        return False
