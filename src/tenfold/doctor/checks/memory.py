"""State in a process's memory: sessions, caches, whatever handlers keep."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import AppFacts
from tenfold.doctor.model import SEVERAL_HOSTS, Seen, check
from tenfold.doctor.reading import Function, calls, functions, handlers, inside, keyword, text
from tenfold.doctor.settings import assumed, configured, of_django
from tenfold.spec.detect.project import Module, assigned

_LOCAL_CACHE = "django.core.cache.backends.locmem.LocMemCache"
_STORES = re.compile(
    r"(starsessions\.(stores\.)?InMemoryStore|fastapi_sessions\..*InMemoryBackend"
    r"|litestar\.stores\.memory\.MemoryStore)"
)
_CACHES = re.compile(
    r"(fastapi_cache\.backends\.inmemory\.InMemoryBackend|aiocache\.SimpleMemoryCache"
    r"|cachetools\.(TTL|LRU|LFU|RR|FIFO)?Cache)"
)
_LIMITERS = ("flask_limiter.Limiter", "slowapi.Limiter", "slowapi.extension.Limiter")
_MEMOS = ("functools.lru_cache", "functools.cache", "cachetools.cached")
_ASKS = re.compile(
    r"\.objects\.|\.execute\(|\.scalars?\(|\.fetch(one|all|row|val)?\(|session\.(query|get)\("
    r"|\brequests\.(get|post)\(|\bhttpx\.(get|post)\("
)
_CONTAINERS = frozenset({
    "dict", "list", "set", "defaultdict", "deque", "Counter", "OrderedDict",
    "collections.defaultdict", "collections.deque", "collections.Counter",
    "collections.OrderedDict",
})  # fmt: skip
_CHANGES = frozenset({
    "append", "add", "insert", "extend", "update", "setdefault", "pop", "popleft", "appendleft",
    "remove", "discard", "clear", "popitem",
})  # fmt: skip
_CACHE_NAME = re.compile(r"cache|memo", re.IGNORECASE)


@check(
    "app.sessions-in-memory",
    "sessions live in a process",
    bites="now; 1k with one worker or on disk",
)
def sessions(facts: AppFacts) -> Iterator[Seen]:
    """Requests of one user go to any worker. A session that only one process knows is gone with
    the next request, with the next deploy, and on every other host. A session in files on the local
    disk holds until the app runs on several hosts.

    Signed cookies are fine at every stage, as long as all workers have the same key (see
    `app.random-secret`).

    Looked for: Django's `SESSION_ENGINE` on a cache in memory or in files, Flask-Session's
    `SESSION_TYPE`, and the memory stores of starsessions, fastapi-sessions and Litestar.
    """
    memory = [
        facts.at(module, call)
        for module in facts.modules
        for call, origin in calls(module)
        if _STORES.fullmatch(origin)
    ]
    disk = []
    engine = of_django(facts, "SESSION_ENGINE")
    named = str(assumed(engine.value, facts.given)) if engine else ""
    if engine and named.endswith("backends.cache") and _django_cache_is_local(facts):
        memory.append(facts.at(engine.module, engine.node))
    if engine and named.endswith("backends.file"):
        disk.append(facts.at(engine.module, engine.node))
    for setting in configured(facts, re.compile("SESSION_TYPE")):
        if text(setting.value) in ("filesystem", "cachelib"):
            disk.append(facts.at(setting.module, setting.node))
    fix = "keep them in the database (Django: backends.db), in signed cookies, or in Redis: [redis]"
    if memory:
        yield Seen("sessions live in process memory", tuple(memory), fix, facts.copies)
    if disk:
        yield Seen("sessions live in files on one host", tuple(disk), fix, SEVERAL_HOSTS)


def _django_cache_is_local(facts: AppFacts) -> bool:
    """Django's own default is a cache in memory."""
    setting = of_django(facts, "CACHES")
    return setting is None or _LOCAL_CACHE in ast.unparse(setting.value)


@check("app.cache-in-memory", "a cache lives in each process", bites="1k")
def caches(facts: AppFacts) -> Iterator[Seen]:
    """Each worker has a cache of its own: what one deletes, the others still show, and counters
    such as rate limits count once per worker. With several hosts there are many times as many.

    Looked for: Django's LocMemCache where the app uses the cache, `SimpleCache` of Flask-Caching,
    the memory backends of fastapi-cache, aiocache and cachetools, limiters without a storage, dicts
    called cache that handlers fill, and `lru_cache` on functions that ask the database or another
    server. `lru_cache` on anything else is fine.
    """
    places = [*_django_caches(facts), *_flask_caches(facts)]
    for module in facts.modules:
        for call, origin in calls(module):
            limits = origin in _LIMITERS and keyword(call, "storage_uri", "storage") is None
            if _CACHES.fullmatch(origin) or (limits and "RATELIMIT_STORAGE" not in module.text):
                places.append(facts.at(module, call))
        places += (facts.at(module, f) for f in _memoised(module))
        places += (where for name, where in _changed(facts, module) if _CACHE_NAME.search(name))
    if places:
        fix = "a shared cache ([redis], or Django's DatabaseCache); or live with copies that expire"
        yield Seen(
            "each worker has a cache of its own", tuple(dict.fromkeys(places)), fix, SEVERAL_HOSTS
        )


def _django_caches(facts: AppFacts) -> Iterator[str]:
    if facts.django is None or not _django_cache_is_local(facts):
        return
    used = [
        m
        for m in facts.modules
        if "management" not in m.path.parts
        if {"django.core.cache.cache", "django.core.cache.caches"} & {*m.imports.values()}
        or "cache_page" in m.text
        or "UpdateCacheMiddleware" in m.text
    ]
    setting = of_django(facts, "CACHES")
    if used and setting is not None:
        yield facts.at(setting.module, setting.node)
    elif used:
        yield f"CACHES is not set; {facts.project.shown(used[0].path)} uses the cache"


def _flask_caches(facts: AppFacts) -> Iterator[str]:
    local = ("SimpleCache", "simple", "flask_caching.backends.SimpleCache", "FileSystemCache")
    for setting in configured(facts, re.compile("CACHE_TYPE")):
        if text(setting.value) in local:
            yield facts.at(setting.module, setting.node)
    for module in facts.modules:
        for call, origin in calls(module):
            given = keyword(call, "config")
            written = given.values if isinstance(given, ast.Dict) else []
            if origin == "flask_caching.Cache" and any(text(v) in local for v in written):
                yield facts.at(module, call)


def _memoised(module: Module) -> Iterator[Function]:
    for function, _ in functions(module):
        for decorator in function.decorator_list:
            named = decorator.func if isinstance(decorator, ast.Call) else decorator
            if module.origin(named) in _MEMOS and any(
                _ASKS.search(ast.unparse(statement)) for statement in function.body
            ):
                yield function


@check("app.state-in-memory", "handlers keep data in a process", bites="now; 1k with one worker")
def state(facts: AppFacts) -> Iterator[Seen]:
    """What a handler puts into a variable of its module is known to one worker only, and gone with
    it: the next request may ask another worker, and the next deploy starts new ones.

    Looked for: handlers that change a dict, a list, a set or a counter at the top of a module. What
    is filled when the module is imported, and only read later, is fine. Names with `cache` or
    `memo` in them are told by `app.cache-in-memory`.
    """
    places = [
        f"{where} {name}"
        for module in facts.modules
        for name, where in _changed(facts, module)
        if not _CACHE_NAME.search(name)
    ]
    if places:
        fix = "keep it in the database, or in Redis ([redis]) where it may be lost"
        yield Seen(
            "handlers keep data in process memory", tuple(dict.fromkeys(places)), fix, facts.copies
        )


def _changed(facts: AppFacts, module: Module) -> Iterator[tuple[str, str]]:
    """Names at the top of a module that a handler changes, and where it does."""
    own = _top(module)
    known = {f"{m.name}.{name}" for m in facts.modules for name in _top(m)}
    for function in handlers(module):
        local = _local(function)
        for node in inside(*function.body):
            target = _target(node)
            if not isinstance(target, ast.Name) or target.id in local:
                continue
            if target.id in own or module.imports.get(target.id) in known:
                yield target.id, facts.at(module, node)
        for name in _globals(function):
            yield from (
                (name, facts.at(module, node))
                for node in inside(*function.body)
                if isinstance(node, ast.AugAssign)
                and isinstance(node.target, ast.Name)
                and node.target.id == name
            )


def _top(module: Module) -> set[str]:
    """Names at the top of a module that stand for a container."""
    found = set()
    for node in module.statements():
        if (pair := assigned(node)) is None:
            continue
        name, made = pair
        is_call = isinstance(made, ast.Call) and ast.unparse(made.func) in _CONTAINERS
        if is_call or isinstance(made, (ast.Dict, ast.List, ast.Set)):
            found.add(name)
    return found


def _target(node: ast.AST) -> ast.expr | None:
    """The container that a statement or a call changes."""
    match node:
        case (
            ast.Assign(targets=[ast.Subscript(value=owner)])
            | ast.AugAssign(target=ast.Subscript(value=owner))
        ):
            return owner
        case ast.Delete(targets=[ast.Subscript(value=owner)]):
            return owner
        case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in _CHANGES:
            return owner
        case _:
            return None


def _local(function: Function) -> set[str]:
    arguments = function.args
    names = {a.arg for a in (*arguments.args, *arguments.kwonlyargs, *arguments.posonlyargs)}
    stored = {
        node.id
        for node in inside(*function.body)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return (names | stored) - {*_globals(function)}


def _globals(function: Function) -> Iterator[str]:
    for node in inside(*function.body):
        if isinstance(node, ast.Global):
            yield from node.names


@check(
    "app.sockets-in-memory",
    "a worker knows only its own WebSockets",
    bites="now; 1k with one worker",
)
def sockets(facts: AppFacts) -> Iterator[Seen]:
    """Connections that are kept in a list or dict, as in the well-known `ConnectionManager`, are
    those of one worker. A message that is sent to all of them reaches the users of that worker
    alone.

    Looked for: WebSockets that are put into a container of an object or a module.
    """
    places = [
        facts.at(module, node)
        for module in facts.modules
        if "WebSocket" in module.text
        for function, _ in functions(module)
        for node in inside(*function.body)
        if _keeps(node, _named_sockets(module, function))
    ]
    if places:
        fix = (
            "send through LISTEN/NOTIFY of PostgreSQL or through Redis; every worker tells its own"
        )
        yield Seen("a broadcast reaches one worker's WebSockets", tuple(places), fix, facts.copies)


def _named_sockets(module: Module, function: Function) -> set[str]:
    arguments = (*function.args.args, *function.args.kwonlyargs)
    return {
        a.arg
        for a in arguments
        if a.annotation is not None
        and (module.origin(a.annotation) or "").rpartition(".")[2] == "WebSocket"
    }


def _keeps(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Call(
            func=ast.Attribute(value=owner, attr="append" | "add"), args=[ast.Name(id=name)]
        ):
            return name in names and isinstance(owner, (ast.Attribute, ast.Name, ast.Subscript))
        case ast.Assign(targets=[ast.Subscript()], value=ast.Name(id=name)):
            return name in names
        case _:
            return False


CHECKS: Final = (sessions, caches, state, sockets)
