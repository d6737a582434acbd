"""What each worker starts for itself, though it should run once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import AppFacts
from tenfold.doctor.model import Seen, check
from tenfold.doctor.queues import starts_a_worker
from tenfold.doctor.reading import Region, calls, imported, inside, keyword, loops, startup

_SCHEDULERS = ("apscheduler.schedulers.", "flask_apscheduler.APScheduler")
_THREADS = ("threading.Thread", "multiprocessing.Process", "multiprocessing.context.Process")
_TASKS = ("create_task", "ensure_future", "start_soon", "run_coroutine_threadsafe")
_REPEATS = ("repeat_every", "repeat_at", "crontab")
_FIX = (
    'run it beside the app: [workers.NAME] command = "python -m ...", or at times: [jobs.NAME]\n'
    "or take a lock for each round: select pg_try_advisory_lock(1)"
)


@check(
    "app.scheduler-per-worker",
    "a scheduler starts in every worker",
    bites="now; 1k with one worker",
)
def schedulers(facts: AppFacts) -> Iterator[Seen]:
    """A server runs several workers, and each imports the app. A scheduler that starts on import,
    in a factory or in a lifespan therefore starts once in each of them: a nightly mail goes out as
    many times as there are workers, and while a deploy warms new workers beside the old ones,
    twice that.

    Looked for: schedulers of APScheduler and Flask-APScheduler whose `start` is reached when a
    worker starts, functions that repeat themselves (`repeat_every`, `crontab`), and workers of a
    queue that the app starts as a process (`subprocess.Popen(["celery", ...])`), in modules that
    the app imports. One that is started under `if __name__ == "__main__"` or by a command of its
    own, as `[workers]` starts it, is fine.
    """
    made = {
        name
        for module in facts.modules
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call)
        if (module.origin(node.value.func) or "").startswith(_SCHEDULERS)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if (name := module.origin(target))
    }
    places = [
        f"{facts.at(region.module, call)} ({region.how})"
        for region in startup(facts)
        for call, _ in calls(region.module, region.body)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "start"
        if region.module.origin(call.func.value) in made
    ]
    places += [
        f"{facts.at(module, node)} (@{ast.unparse(decorator)})"
        for module in imported(facts)
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        if (module.origin(decorator.func) or "").endswith(_REPEATS)
    ]
    if places:
        yield _seen("a scheduler", places, facts)
    started = [
        f"{facts.at(region.module, call)} ({region.how})"
        for region in startup(facts)
        for call, _ in calls(region.module, region.body)
        if starts_a_worker(region.module, call)
    ]
    if started:
        yield _seen("a queue's worker", started, facts)


@check(
    "app.loop-per-worker", "an endless loop starts in every worker", bites="now; 1k with one worker"
)
def threads(facts: AppFacts) -> Iterator[Seen]:
    """A thread, process or task with an endless loop that is started when the app is imported or
    starts up runs once in every worker. Where it polls, sends or cleans up, it does so as many
    times as there are workers; two of them may take the same piece of work.

    Looked for: `threading.Thread`, `threading.Timer`, `multiprocessing.Process`, and tasks of
    asyncio and anyio that are started at startup and whose function has a loop without an end. A
    loop that belongs to its worker, such as one that refreshes the worker's own copy of settings,
    may stay.
    """
    places = [
        f"{facts.at(region.module, call)} ({region.how})"
        for region in startup(facts)
        for call, origin in calls(region.module, region.body)
        if _is_loop(facts, region, call, origin)
    ]
    if places:
        yield _seen("an endless loop", places, facts)


def _is_loop(facts: AppFacts, region: Region, call: ast.Call, origin: str) -> bool:
    if not _is_started(region, call):
        return False
    if origin == "threading.Timer":
        return True
    if origin in _THREADS:
        target = keyword(call, "target")
        return target is not None and loops(facts, region.module, target) is not None
    if origin.rpartition(".")[2] in _TASKS or _attribute(call) in _TASKS:
        first = call.args[0] if call.args else None
        named = first.func if isinstance(first, ast.Call) else first
        return named is not None and loops(facts, region.module, named) is not None
    return _is_thread_class(facts, origin) and loops(facts, region.module, call.func) is not None


def _attribute(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _is_started(region: Region, call: ast.Call) -> bool:
    """Tasks start by themselves; a thread by ``start``, at once or by the name that it gets."""
    if _attribute(call) in _TASKS or (region.module.origin(call.func) or "").endswith(_TASKS):
        return True
    names = {
        region.module.origin(target)
        for node in inside(*region.body)
        if isinstance(node, ast.Assign) and node.value is call
        for target in node.targets
    }
    return any(
        isinstance(other.func, ast.Attribute)
        and other.func.attr == "start"
        and (other.func.value is call or region.module.origin(other.func.value) in names - {None})
        for other, _ in calls(region.module, region.body)
    )


def _is_thread_class(facts: AppFacts, origin: str) -> bool:
    return any(
        f"{module.name}.{node.name}" == origin
        and any(module.origin(base) in _THREADS for base in node.bases)
        for module in facts.modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    )


def _seen(what: str, places: list[str], facts: AppFacts) -> Seen:
    times = (
        f"runs {facts.workers} times, once in each worker"
        if facts.workers > 1
        else ("runs in every worker")
    )
    return Seen(f"{what} {times}", tuple(dict.fromkeys(places)), _FIX, bites=facts.copies)


CHECKS: Final = (schedulers, threads)
