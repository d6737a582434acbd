"""Background workers: what a command lacks, what runs twice or never, which jobs are lost."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from tenfold.doctor.facts import AppFacts, WorkersFacts
from tenfold.doctor.model import SEVERAL_HOSTS, Seen, check
from tenfold.doctor.queues import (
    CELERY,
    acks_late,
    brokers,
    in_redis,
    kinds,
    longest_seconds,
    of_celery,
    scheduled,
    visibility_seconds,
)
from tenfold.doctor.reading import calls, keyword
from tenfold.doctor.settings import assumed
from tenfold.spec.worker_kinds import UNKNOWN, kind_of
from tenfold.spec.workers import WorkerTable

_FAMILY: Final[Mapping[str, str]] = {
    "celery beat": "Celery",
    "celery with beat": "Celery",
    "rq scheduler": "RQ",
    "dramatiq scheduler": "Dramatiq",
    "taskiq scheduler": "Taskiq",
    "huey": "Huey",
}
"""Kinds that start jobs when it is time for them, and whose."""
_ABRUPT: Final[Mapping[str, tuple[str, ...]]] = {
    "celery": ("SIGQUIT", "SIGKILL"),
    "celery with beat": ("SIGQUIT", "SIGKILL"),
    "huey": ("SIGTERM", "SIGKILL"),
}
"""Signals that do not let a worker finish what it has begun."""
_IN_PROCESS: Final = ("huey.MemoryHuey", "dramatiq.brokers.stub.StubBroker")
_LATE: Final = "task_acks_late = True      for jobs that may run a second time"


@check("workers.command", "a worker's command lacks something", bites="now")
def command(facts: WorkersFacts) -> Iterator[Seen]:
    """A worker runs in the release's directory and environment; `up` and `deploy` fail where its
    command does not start.

    Looked for: the program, in the app's environment and on the system's PATH; the module of
    `python -m` and `celery -A`; `manage.py`, and the package that its command comes from.
    """
    for name, (what, fix) in facts.lacking.items():
        yield Seen(what, (f"[workers.{name}] {facts.workers[name].command}",), fix)


@check("workers.scheduler-twice", "a scheduler runs more than once", bites="now")
def twice(facts: WorkersFacts) -> Iterator[Seen]:
    """A scheduler puts a job into the queue when it is time for it. Two of them do so twice: the
    nightly mail goes out twice.

    Looked for: `celery beat`, `celery worker -B` and the schedulers of other queues with a `count`
    above 1, with `single = false`, or in several tables for the same app. Huey's consumer is one
    too, unless it has `--no-periodic`.
    """
    seen: dict[tuple[str, str], list[str]] = {}
    for name, table in facts.workers.items():
        kind = kind_of(table.command, table.count)
        if kind.name not in _FAMILY or not kind.single:
            continue
        seen.setdefault((_FAMILY[kind.name], _of_what(table.command)), []).append(name)
        if table.count > 1:
            told = (f"[workers.{name}] count = {table.count}",)
            fix = f"[workers.{name}] count = 1{_apart(kind.name)}"
            yield Seen(f"{table.count} schedulers start every job {table.count} times", told, fix)
        elif table.single is False:
            told = (f"[workers.{name}] single = false",)
            fix = "leave single out: the old one ends before the new one starts"
            yield Seen("two schedulers run in each deploy", told, fix)
    for (family, _), names in seen.items():
        if len(names) > 1:
            tables = tuple(f"[workers.{n}] {facts.workers[n].command}" for n in names)
            what = f"{len(names)} schedulers of {family} start every job {len(names)} times"
            yield Seen(what, tables, f"keep one of them{_apart(_kind(facts, names))}")


def _kind(facts: WorkersFacts, names: list[str]) -> str:
    found = [kind_of(facts.workers[n].command).name for n in names]
    return next((k for k in found if k in ("celery with beat", "huey")), found[0])


def _apart(kind: str) -> str:
    if kind == "celery with beat":
        return "; or beat in a table of its own, and no -B here"
    return "; or --no-periodic for all but one" if kind == "huey" else ""


def _of_what(command: str) -> str:
    """The app that a command names: what follows ``-A``, else its last plain word."""
    words = shlex.split(command)
    for place, word in enumerate(words):
        if word in ("-A", "--app") and words[place + 1 :]:
            return words[place + 1].partition(":")[0]
        if word.startswith("--app="):
            return word.removeprefix("--app=").partition(":")[0]
    return next((w for w in reversed(words) if not w.startswith("-")), "")


@check("workers.no-scheduler", "what is scheduled never starts", bites="now")
def no_scheduler(facts: WorkersFacts) -> Iterator[Seen]:
    """Celery's workers do the jobs that are in the queue; what puts a periodic one there is
    `celery beat`. Likewise RQ: a job for later (`enqueue_in`, `enqueue_at`) waits for a worker with
    `--with-scheduler`.

    Looked for: `beat_schedule`, `add_periodic_task` and django-celery-beat while `[workers]` has
    Celery's workers and no beat; jobs for later while it has RQ's workers and no scheduler.
    """
    known = kinds(facts.workers)
    everything = " ".join(table.command for table in facts.workers.values())
    celery = next((n for n, kind in known.items() if kind == "celery"), None)
    if celery is not None and "beat" not in everything:
        places = tuple(dict.fromkeys(scheduled(facts.app)))
        if places:
            app = _of_what(facts.workers[celery].command)
            fix = f'[workers.beat]\ncommand = "celery -A {app} beat"'
            yield Seen("a schedule is written, and nothing runs it", places, fix)
    if "rq" in known.values() and "schedul" not in everything:
        later = tuple(
            facts.app.at(module, call)
            for module in facts.app.mentioning("enqueue_")
            for call, origin in calls(module)
            if origin.rpartition(".")[2] in ("enqueue_in", "enqueue_at")
        )
        if later:
            rq = next(n for n, kind in known.items() if kind == "rq")
            fix = f'[workers.{rq}]\ncommand = "{facts.workers[rq].command} --with-scheduler"'
            yield Seen("jobs for later never start", later, fix)


@check("workers.not-declared", "a queue has no worker here", bites="advice")
def not_declared(facts: WorkersFacts) -> Iterator[Seen]:
    """Jobs stay in the queue until a worker takes them. Where the workers run is not known unless
    `[workers]` says so; then they get each release when the app does.

    Looked for: what `tenfold init` would write: queues of Celery, RQ, Dramatiq, Huey and Django's,
    and workers of a `Procfile`, of a kind that no table starts.
    """
    have = " ".join((*kinds(facts.workers).values(), *(t.command for t in facts.workers.values())))
    for name, command, where in facts.found:
        kind = kind_of(command).name
        # A schedule without a worker is told as workers.no-scheduler.
        if kind == UNKNOWN or kind in have or (kind in _FAMILY and kind != "huey"):
            continue
        fix = f'[workers.{name}]\ncommand = "{command}"'
        yield Seen(f"nothing here works the queue of {kind}", (where,), fix, bites=None)


@check("workers.jobs-lost", "a deploy loses jobs", bites="now")
def lost(facts: WorkersFacts) -> Iterator[Seen]:
    """A deploy tells workers to finish their jobs, and kills who has not after `drain`. Celery
    takes a job out of the queue before it is done, unless `task_acks_late` is on, and Huey always
    does: a job that is cut off is gone.

    Looked for: a time limit of Celery's jobs above `drain`, and a `stop_signal` by which the worker
    does not finish, while jobs are acknowledged early. Where Celery's settings cannot be read,
    nothing is said.
    """
    early = acks_late(facts.app) is False
    limit = longest_seconds(facts.app)
    for name, kind in kinds(facts.workers).items():
        table, is_celery = facts.workers[name], kind in CELERY
        if is_celery and not early:
            continue
        if table.stop_signal in _ABRUPT.get(kind, ()):
            told = [f"[workers.{name}] stop_signal = {table.stop_signal}"]
            fix = "leave stop_signal out" + (f"; or {_LATE}" if is_celery else "")
            yield Seen("a deploy cuts jobs off, and they are gone", tuple(told), fix, bites=None)
        elif is_celery and limit is not None and limit[0] > table.drain_seconds:
            told = [f"{limit[1]} allows {limit[0]:g} s", _drain(name, table)]
            fix = f'[workers.{name}] drain = "{limit[0]:g}s"\nor {_LATE}'
            yield Seen("a deploy cuts long jobs off, and they are gone", tuple(told), fix)


def _drain(name: str, table: WorkerTable) -> str:
    return f"[workers.{name}] drain is {table.drain_seconds:g} s"


@check("workers.jobs-twice", "long jobs run twice", bites="now")
def jobs_twice(facts: WorkersFacts) -> Iterator[Seen]:
    """With `task_acks_late` Celery acknowledges a job when it is done. Until then Redis keeps it
    aside, for an hour (`visibility_timeout`); then it is given to another worker, although the
    first is still at it.

    Looked for: late acknowledgement with a Redis, and a time limit, or a `drain`, above that.
    """
    app = facts.app
    bound = visibility_seconds(app)
    if not acks_late(app) or bound is None:
        return
    limit = longest_seconds(app)
    for name in in_redis(app, facts.workers):
        table = facts.workers[name]
        if kind_of(table.command).name not in CELERY:
            continue
        told = [f"{limit[1]} allows {limit[0]:g} s"] if limit and limit[0] > bound else []
        told += [_drain(name, table)] if table.drain_seconds > bound else []
        if told:
            longest = max(table.drain_seconds, limit[0] if limit else 0)
            fix = f'broker_transport_options = {{"visibility_timeout": {longest + 3600:.0f}}}'
            yield Seen(f"jobs of more than {bound:g} s are done twice", tuple(told), fix)


@check("workers.queue-in-process", "workers never see the jobs", bites="now; 1k for a file")
def in_process(facts: WorkersFacts) -> Iterator[Seen]:
    """A queue in memory is the app's own: its workers wait for jobs that never come. One that does
    a job at once (`task_always_eager`, `is_async=False`) does it inside the request, and makes its
    user wait. A queue in a file is on one host only.

    Looked for, while `[workers]` has a worker of that kind: those settings, as they are when no
    variable changes them, `memory://`, SQLite and folders as Celery's broker, `MemoryHuey`,
    `SqliteHuey`, Dramatiq's `StubBroker`.
    """
    have = set(kinds(facts.workers).values())
    alone, eager, file = _places(facts.app, have)
    if alone:
        yield Seen("the queue is in the app's memory, where no worker sees it", alone, _FIX)
    if eager:
        fix = "switch it on in tests alone"
        yield Seen("jobs run inside the request that queues them", eager, fix)
    if file:
        yield Seen("the queue is a file on one host", file, _FIX, bites=SEVERAL_HOSTS)


_FIX: Final = 'a table [redis], and os.environ["REDIS_URL"] as the broker'


def _places(
    app: AppFacts, have: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    alone: list[str] = []
    eager: list[str] = []
    file: list[str] = []
    if have & set(CELERY):
        for where, node in brokers(app):
            found = str(assumed(node, app.given))
            alone += [where] if found.startswith("memory://") else []
            file += [where] if found.startswith(("filesystem://", "sqla+sqlite://")) else []
        eager += (
            app.at(s.module, s.node)
            for s in of_celery(app, "task_always_eager")
            if assumed(s.value, app.given) is True
        )
    for module in app.mentioning("Queue(", "Huey(", "StubBroker("):
        for call, origin in calls(module):
            if origin in _IN_PROCESS and {"huey", "dramatiq"} & have:
                alone.append(app.at(module, call))
            elif origin == "huey.SqliteHuey" and "huey" in have:
                file.append(app.at(module, call))
            elif origin in ("rq.Queue", "rq.queue.Queue") and "rq" in have:
                given = keyword(call, "is_async")
                if given is not None and assumed(given, app.given) is False:
                    eager.append(app.at(module, call))
    return tuple(alone), tuple(eager), tuple(file)


CHECKS: Final = (command, twice, no_scheduler, not_declared, lost, jobs_twice, in_process)
