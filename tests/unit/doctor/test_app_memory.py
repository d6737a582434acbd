"""Sessions, caches and data in a process's memory."""

from __future__ import annotations

import pytest

from .conftest import Find, django_files

TODOS = """
    from fastapi import FastAPI
    app = FastAPI()
    todos = {{}}

    @app.post("/todos")
    async def add(text: str):
        {what}
        return {{"ok": True}}
    """
MANAGER = """
    from fastapi import FastAPI, WebSocket

    class ConnectionManager:
        def __init__(self):
            self.active: list[WebSocket] = []

        async def connect(self, websocket: WebSocket):
            await websocket.accept()
            {what}

    manager = ConnectionManager()
    app = FastAPI()
    """


@pytest.mark.parametrize(
    ("files", "bites"),
    [
        (
            django_files('SESSION_ENGINE = "django.contrib.sessions.backends.cache"'),
            "10",
        ),
        (
            django_files(
                'SESSION_ENGINE = "django.contrib.sessions.backends.cache"\n'
                'CACHES = {"default": {"BACKEND": '
                '"django.core.cache.backends.locmem.LocMemCache"}}'
            ),
            "10",
        ),
        (django_files('SESSION_ENGINE = "django.contrib.sessions.backends.file"'), "1k"),
        (
            {
                "app.py": """
                from flask import Flask
                from flask_session import Session
                app = Flask(__name__)
                app.config["SESSION_TYPE"] = "filesystem"
                Session(app)
                """
            },
            "1k",
        ),
        (
            {
                "main.py": """
                from starlette.applications import Starlette
                from starsessions import InMemoryStore, SessionMiddleware
                app = Starlette()
                app.add_middleware(SessionMiddleware, store=InMemoryStore())
                """
            },
            "10",
        ),
    ],
)
def test_sessions_that_others_do_not_know(find: Find, files: dict[str, str], bites: str) -> None:
    (seen,) = find("app.sessions-in-memory", files, workers=2)
    assert seen.bites == bites
    assert seen.evidence


@pytest.mark.parametrize(
    "files",
    [
        django_files("SESSION_COOKIE_AGE = 60"),
        django_files('SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"'),
        django_files('SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"'),
        django_files(
            'SESSION_ENGINE = "django.contrib.sessions.backends.cache"\n'
            'CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}'
        ),
        {"app.py": 'app.config["SESSION_TYPE"] = "redis"'},
        {
            "main.py": """
            from starlette.applications import Starlette
            from starlette.middleware.sessions import SessionMiddleware
            app = Starlette()
            app.add_middleware(SessionMiddleware, secret_key=key)
            """
        },
    ],
    ids=["default", "cookies", "cached_db", "redis", "flask redis", "starlette cookies"],
)
def test_sessions_in_the_database_in_redis_and_in_cookies_are_fine(
    find: Find, files: dict[str, str]
) -> None:
    assert find("app.sessions-in-memory", files) == []


@pytest.mark.parametrize(
    ("files", "place"),
    [
        (
            django_files("DEBUG = False", {"shop/views.py": "from django.core.cache import cache"}),
            "CACHES is not set; shop/views.py uses the cache",
        ),
        (
            {
                "app.py": """
                from flask_caching import Cache
                cache = Cache(config={"CACHE_TYPE": "SimpleCache"})
                """
            },
            "app.py:3",
        ),
        (
            {"app.py": "from slowapi import Limiter\nlimiter = Limiter(key_func=str)"},
            "app.py:2",
        ),
        (
            {
                "prices.py": """
                from functools import lru_cache

                @lru_cache(maxsize=100)
                def price(id):
                    return Price.objects.get(id=id)
                """
            },
            "prices.py:5",
        ),
        (
            {
                "a.py": TODOS.format(what="todos_cache[1] = text").replace(
                    "todos = ", "todos_cache = "
                )
            },
            "a.py:8",
        ),
        ({"c.py": "from cachetools import TTLCache\nseen = TTLCache(100, 60)"}, "c.py:2"),
    ],
    ids=["django", "flask", "limiter", "lru_cache", "a dict", "cachetools"],
)
def test_a_cache_in_each_worker(find: Find, files: dict[str, str], place: str) -> None:
    (seen,) = find("app.cache-in-memory", files)
    assert seen.evidence == (place,)
    assert seen.bites == "1k"


@pytest.mark.parametrize(
    "files",
    [
        django_files("DEBUG = False"),
        django_files(
            'CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}',
            {"shop/views.py": "from django.core.cache import cache"},
        ),
        {"app.py": "from slowapi import Limiter\nlimiter = Limiter(key_func=str, storage_uri=uri)"},
        {
            "settings.py": """
            from functools import lru_cache

            @lru_cache
            def settings():
                return Settings()
            """
        },
    ],
    ids=["not used", "redis", "limiter in redis", "settings once"],
)
def test_shared_caches_and_pure_memos_are_fine(find: Find, files: dict[str, str]) -> None:
    assert find("app.cache-in-memory", files) == []


@pytest.mark.parametrize(
    "what", ["todos[1] = text", "todos.update(a=text)", "del todos[1]", "todos[text] += 1"]
)
def test_a_handler_that_keeps_data_in_its_module(find: Find, what: str) -> None:
    (seen,) = find("app.state-in-memory", {"main.py": TODOS.format(what=what)}, workers=2)
    assert seen.evidence == ("main.py:8 todos",)
    assert seen.bites == "10"


def test_a_counter_and_a_list_of_another_module(find: Find) -> None:
    files = {
        "store.py": "items: list[str] = []\n",
        "app.py": """
            from flask import Flask
            from store import items
            app = Flask(__name__)
            hits = 0

            @app.route("/")
            def index():
                global hits
                hits += 1
                items.append("x")
                return str(hits)
            """,
    }
    (seen,) = find("app.state-in-memory", files)
    assert sorted(seen.evidence) == ["app.py:10 hits", "app.py:11 items"]


@pytest.mark.parametrize(
    "source",
    [
        TODOS.format(what="found = todos.get(1)"),
        TODOS.format(what="todos = {}\n        todos[1] = text"),
        TODOS.format(what="local = []\n        local.append(text)"),
        TODOS.format(what="pass") + "\n    def load():\n        todos[1] = 'x'\n    load()\n",
    ],
    ids=["read", "a local of the same name", "a local list", "filled on import"],
)
def test_what_handlers_only_read_is_fine(find: Find, source: str) -> None:
    assert find("app.state-in-memory", {"main.py": source}) == []


@pytest.mark.parametrize("what", ["self.active.append(websocket)", "self.active[1] = websocket"])
def test_websockets_that_one_worker_knows(find: Find, what: str) -> None:
    (seen,) = find("app.sockets-in-memory", {"main.py": MANAGER.format(what=what)})
    assert seen.evidence == ("main.py:10",)


def test_a_websocket_that_is_not_kept_is_fine(find: Find) -> None:
    source = MANAGER.format(what="await websocket.send_text('hello')")
    assert find("app.sockets-in-memory", {"main.py": source}) == []
