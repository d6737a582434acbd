"""An app that leaves its writing to workers of several kinds, as a user could have it."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.project import Project
from tests.support.users import Users
from tests.support.venvs import FASTAPI, environment

PACKAGES = (
    *FASTAPI,
    "celery[redis]==5.*",
    "rq==2.*",
    "dramatiq[redis]==2.*",
    "huey>=2.5",
)
KINDS = ("celery", "rq", "dramatiq", "huey")

TASKS = '''
    """One job for every kind of queue: it takes its time, then writes a note.

    With less than no time it waits until somebody lets it go on.
    """

    import os
    import time

    import dramatiq
    import psycopg
    import redis
    import rq
    from celery import Celery
    from dramatiq.brokers.redis import RedisBroker
    from huey import RedisHuey

    REDIS_URL, DATABASE_URL = os.environ["REDIS_URL"], os.environ["DATABASE_URL"]


    def write(text, kind, seconds):
        while seconds < 0 and not os.path.exists(os.environ["GO"]):
            time.sleep(0.1)
        time.sleep(max(seconds, 0))
        with psycopg.connect(DATABASE_URL) as database:
            database.execute("insert into notes (text, kind) values (%s, %s)", (text, kind))


    celery = Celery("tasks", broker=REDIS_URL)
    celery.conf.update(
        task_acks_late=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        beat_schedule={"tick": {"task": "tasks.tick", "schedule": 1.0}},
    )
    dramatiq.set_broker(RedisBroker(url=REDIS_URL))
    huey = RedisHuey("tasks", url=REDIS_URL)
    queue = rq.Queue(connection=redis.Redis.from_url(REDIS_URL))


    @celery.task
    def by_celery(text, seconds):
        write(text, "celery", seconds)


    @celery.task
    def tick():
        write(f"tick {time.time()}", "beat", 0)


    @dramatiq.actor(max_retries=0)
    def by_dramatiq(text, seconds):
        write(text, "dramatiq", seconds)


    @huey.task()
    def by_huey(text, seconds):
        write(text, "huey", seconds)


    def by_rq(text, seconds):
        write(text, "rq", seconds)


    def enqueue(kind, text, seconds):
        if kind == "celery":
            by_celery.delay(text, seconds)
        elif kind == "dramatiq":
            by_dramatiq.send(text, seconds)
        elif kind == "huey":
            by_huey(text, seconds)
        else:
            queue.enqueue(by_rq, text, seconds)
'''

APP = '''
    """Takes notes in, and has workers write them."""

    import asyncio
    import itertools
    import os

    import psycopg
    import tasks
    from fastapi import FastAPI, Request

    VERSION = "one"
    KINDS = os.environ["KINDS"].split()
    turns = itertools.cycle(KINDS)
    app = FastAPI()


    @app.get("/")
    def home():
        return {"version": VERSION, "pid": os.getpid()}


    @app.get("/notes")
    def notes():
        with psycopg.connect(os.environ["DATABASE_URL"]) as database:
            rows = database.execute("select text from notes where kind <> 'beat'").fetchall()
        return [row[0] for row in rows]


    @app.post("/notes", status_code=201)
    async def add(request: Request, kind: str | None = None, seconds: float = 0.05):
        await asyncio.sleep(0.2)  # rq forks for each job: nobody queues faster than that
        tasks.enqueue(kind or next(turns), (await request.body()).decode(), seconds)
        return {}
'''

MIGRATE = """
    import os

    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"]) as database:
        database.execute(
            "create table if not exists notes (id bigserial primary key, text text, kind text,"
            " at timestamptz default clock_timestamp())"
        )
"""

COMMANDS = {
    "celery": "celery -A tasks worker --concurrency 2 --loglevel INFO",
    "beat": "celery -A tasks beat --loglevel INFO",
    "rq": "rq worker --worker-ttl 60",
    "dramatiq": "dramatiq tasks --processes 1 --threads 2",
    "huey": "huey_consumer tasks.huey --workers 2 --no-periodic",
}


def queues(folder: Path, *kinds: str, extra: str = "") -> Project:
    """FastAPI, Redis, and workers of these kinds; ``beat`` beside them where it is named."""
    project = Project(folder)
    project.write("tasks.py", TASKS)
    project.write("shop.py", APP)
    project.write("migrate.py", MIGRATE)
    (folder / ".venv").symlink_to(environment("queues", PACKAGES))
    tables = "".join(f'\n[workers.{k}]\ncommand = "{COMMANDS[k]}"\n{extra}' for k in kinds)
    served = " ".join(k for k in (*kinds, *kinds, *kinds) if k not in ("beat", "rq"))
    served += " rq" * ("rq" in kinds)
    (folder / "tenfold.toml").write_text(
        'name = "shop"\napp = "shop:app"\n\n'
        '[release]\nmigrate = "python migrate.py"\n\n'
        f'[redis]\n\n[env]\nKINDS = "{served}"\nGO = "{folder}/go"\n{tables}'
    )
    return project


def require_every_job_done_once(project: Project, users: Users, within: float = 60.0) -> None:
    """Once the queues are empty, every acknowledged job has had its effect exactly once."""
    deadline = time.monotonic() + within
    while missing := set(users.acknowledged) - set(project.get("/notes").json()):
        assert time.monotonic() < deadline, (
            f"{len(missing)} jobs were not done: {sorted(missing)[:5]}"
        )
        time.sleep(0.2)
    users.require_nothing_lost()
