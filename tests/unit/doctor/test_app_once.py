"""Threads, tasks and schedulers that run once in every worker."""

from __future__ import annotations

import pytest

from .conftest import Find, django_files

LIFESPAN = """
    import asyncio
    from contextlib import asynccontextmanager
    from fastapi import FastAPI

    async def poll():
        while True:
            await asyncio.sleep(60)

    async def warm():
        for name in ("a", "b"):
            await asyncio.sleep(0)

    @asynccontextmanager
    async def lifespan(app):
        {what}
        yield

    app = FastAPI(lifespan=lifespan)
    """
SCHEDULER = """
    from apscheduler.schedulers.background import BackgroundScheduler
    from flask import Flask

    app = Flask(__name__)
    scheduler = BackgroundScheduler()
    scheduler.add_job(print, "interval", minutes=5)
    {start}
    """


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"app.py": SCHEDULER.format(start="scheduler.start()")}, "app.py:8"),
        (
            {
                "jobs.py": "from apscheduler.schedulers.asyncio import AsyncIOScheduler\n"
                "scheduler = AsyncIOScheduler()\n",
                "main.py": """
                    from contextlib import asynccontextmanager
                    from fastapi import FastAPI
                    from jobs import scheduler

                    @asynccontextmanager
                    async def lifespan(app):
                        scheduler.start()
                        yield

                    app = FastAPI(lifespan=lifespan)
                    """,
            },
            "main.py:8",
        ),
        (
            {
                "app/__init__.py": """
                    from flask import Flask
                    from app.jobs import begin

                    def create_app():
                        app = Flask(__name__)
                        begin(app)
                        return app
                    """,
                "app/jobs.py": """
                    from flask_apscheduler import APScheduler
                    scheduler = APScheduler()

                    def begin(app):
                        scheduler.init_app(app)
                        scheduler.start()
                    """,
            },
            "app/jobs.py:7",
        ),
        (
            {
                "main.py": """
                    from fastapi import FastAPI
                    from fastapi_utils.tasks import repeat_every
                    app = FastAPI()

                    @app.on_event("startup")
                    @repeat_every(seconds=60)
                    def clean() -> None:
                        pass
                    """
            },
            "main.py:8",
        ),
        (
            django_files(
                "",
                {
                    "shop/apps.py": """
                    from apscheduler.schedulers.background import BackgroundScheduler
                    from django.apps import AppConfig

                    class ShopConfig(AppConfig):
                        name = "shop"

                        def ready(self):
                            scheduler = BackgroundScheduler()
                            scheduler.start()
                    """
                },
            ),
            "shop/apps.py:10",
        ),
    ],
    ids=["import", "lifespan", "factory", "repeat_every", "ready"],
)
def test_a_scheduler_that_every_worker_starts(
    find: Find, files: dict[str, str], place: str
) -> None:
    (seen,) = find("app.scheduler-per-worker", files, workers=3)
    assert [e.split(" ")[0] for e in seen.evidence] == [place]
    assert seen.bites == "10"
    assert "3 times" in seen.what


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ('subprocess.Popen(["celery", "-A", "shop", "beat"])', True),
        ('subprocess.Popen("celery -A shop worker", shell=True)', True),
        ('os.system("rq worker")', True),
        ('subprocess.run(["convert", "a.png", "b.jpg"])', False),
        ("subprocess.Popen(command)", False),
    ],
)
def test_a_queue_s_worker_that_every_worker_starts(find: Find, call: str, found: bool) -> None:
    files = {
        "app.py": f"import os, subprocess\nfrom flask import Flask\napp = Flask('a')\n{call}\n"
    }
    seen = find("app.scheduler-per-worker", files, workers=2)
    assert [s.evidence for s in seen] == ([("app.py:4 (when it is imported)",)] if found else [])
    assert all("[workers.NAME]" in s.fix for s in seen)


def test_with_one_worker_it_bites_when_there_are_several_hosts(find: Find) -> None:
    files = {"app.py": SCHEDULER.format(start="scheduler.start()")}
    (seen,) = find("app.scheduler-per-worker", files, workers=1)
    assert seen.bites == "1k"


@pytest.mark.parametrize(
    "files",
    [
        {"app.py": SCHEDULER.format(start="if __name__ == '__main__':\n        scheduler.start()")},
        {"app.py": SCHEDULER.format(start="def run():\n        scheduler.start()")},
        {"tests/test_jobs.py": SCHEDULER.format(start="scheduler.start()"), "app.py": "x = 1"},
        {"app.py": "import threading\nclock = object()\nclock.start()"},
    ],
    ids=["main", "command", "tests", "something else"],
)
def test_a_scheduler_that_runs_elsewhere_is_fine(find: Find, files: dict[str, str]) -> None:
    assert find("app.scheduler-per-worker", files) == []


def test_only_what_the_app_imports_starts_with_it(find: Find) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/main.py": "from shop import jobs\napp = object()",
        "shop/jobs.py": "from .sweep import begin",
        "shop/sweep.py": SCHEDULER.format(start="begin = scheduler.start()"),
        "worker.py": SCHEDULER.format(start="scheduler.start()"),
    }
    (seen,) = find("app.scheduler-per-worker", files, entry="shop.main")
    assert [e.split(" ")[0] for e in seen.evidence] == ["shop/sweep.py:8"]
    (seen,) = find("app.scheduler-per-worker", files)
    assert len(seen.evidence) == 2


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"main.py": LIFESPAN.format(what="asyncio.create_task(poll())")}, "main.py:16"),
        (
            {
                "worker.py": """
                    import threading, time

                    def sweep():
                        while not stopped.is_set():
                            time.sleep(1)

                    thread = threading.Thread(target=sweep, daemon=True)
                    thread.start()
                    """
            },
            "worker.py:8",
        ),
        (
            {
                "poller.py": """
                    from threading import Thread

                    class Poller(Thread):
                        def run(self):
                            while True:
                                pass

                    Poller(daemon=True).start()
                    """
            },
            "poller.py:9",
        ),
        ({"beat.py": "import threading\nthreading.Timer(5, print).start()"}, "beat.py:2"),
    ],
    ids=["task", "thread", "class", "timer"],
)
def test_a_loop_that_every_worker_starts(find: Find, files: dict[str, str], place: str) -> None:
    (seen,) = find("app.loop-per-worker", files)
    assert [e.split(" ")[0] for e in seen.evidence] == [place]


@pytest.mark.parametrize(
    "files",
    [
        {"main.py": LIFESPAN.format(what="asyncio.create_task(warm())")},
        {
            "mail.py": """
                import threading

                def send():
                    while True:
                        break

                def later():
                    threading.Thread(target=send).start()
                """
        },
        {
            "load.py": """
                import threading

                def load():
                    i = 0
                    while i < 3:
                        i += 1

                threading.Thread(target=load).start()
                """
        },
        {
            "never.py": """
                import threading

                def sweep():
                    while True:
                        pass

                thread = threading.Thread(target=sweep)
                """
        },
    ],
    ids=["a task that ends", "for a request", "a loop that ends", "never started"],
)
def test_what_ends_or_is_not_started_is_fine(find: Find, files: dict[str, str]) -> None:
    assert find("app.loop-per-worker", files) == []
