"""Workers that ``init`` writes down: those of a Procfile, else those that the sources speak of."""

from __future__ import annotations

import pytest

from tenfold.spec.detect import Found, detect
from tenfold.spec.read import parse
from tenfold.spec.write import text

from .conftest import Make

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
READS = 'import os\nURL = os.environ["REDIS_URL"]\n'


def facts(found: Found) -> list[str]:
    return [note.fact for note in found.notes if "virtual environment" not in note.fact]


def test_a_procfile_says_what_is_run_whatever_the_sources_say(make: Make) -> None:
    root = make(
        {
            "main.py": FASTAPI + READS,
            "tasks.py": "from celery import Celery\napp = Celery('a')\n",
            "Procfile": "web: uvicorn main:app\nrelease: python migrate.py\n"
            "worker: celery -A tasks worker -c 4\nclock: python clock.py\n",
        }
    )
    found = detect(root)
    assert found.workers == (
        ("worker", "celery -A tasks worker -c 4"),
        ("clock", "python clock.py"),
    )
    assert found.redis
    spec = parse(text(found))
    assert [*spec.workers] == ["worker", "clock"]
    assert spec.redis is not None


def test_what_needs_a_shell_is_named_and_not_written(make: Make) -> None:
    root = make({"main.py": FASTAPI, "Procfile": "app: cd jobs && rq worker $QUEUES\n"})
    found = detect(root)
    assert found.workers == ()
    assert facts(found) == ["Procfile starts a process app: cd jobs && rq worker $QUEUES"]
    assert "[workers.app-worker]" in next(n.then for n in found.notes if "Procfile" in n.fact)


@pytest.mark.parametrize(
    ("files", "workers"),
    [
        (
            {"tasks.py": f"{READS}from celery import Celery\napp = Celery('a', broker=URL)\n"},
            [("celery", "celery -A tasks worker")],
        ),
        (
            {
                "shop/__init__.py": "",
                "shop/celery.py": f"{READS}from celery import Celery\napp = Celery('shop')\n"
                "app.conf.beat_schedule = {}\n",
            },
            [("celery", "celery -A shop worker"), ("beat", "celery -A shop beat")],
        ),
        (
            {"jobs.py": f"{READS}import celery\nqueue = celery.Celery('a')\n"},
            [("celery", "celery -A jobs:queue worker")],
        ),
        (
            {"jobs.py": f"{READS}from rq import Queue\nq = Queue('high', connection=None)\n"
             "p = Queue(connection=None)\n"},
            [("rq", "rq worker high default")],
        ),
        (
            {"jobs.py": f"{READS}import dramatiq\n\n@dramatiq.actor\ndef a():\n    pass\n"},
            [("dramatiq", "dramatiq jobs")],
        ),
        (
            {"jobs.py": f"{READS}from huey import RedisHuey\nmine = RedisHuey('a', url=URL)\n"},
            [("huey", "python -m huey.bin.huey_consumer jobs.mine")],
        ),
        ({"jobs.py": "import queue\nq = queue.Queue()\n"}, []),
        ({"tests/tasks.py": "from celery import Celery\napp = Celery('a')\n"}, []),
    ],
)  # fmt: skip
def test_the_sources_tell_which_queue_there_is(
    make: Make, files: dict[str, str], workers: list[tuple[str, str]]
) -> None:
    found = detect(make({"main.py": FASTAPI, **files}))
    assert list(found.workers) == workers
    assert facts(found) == []
    assert list(parse(text(found)).workers) == [name for name, _ in workers]


@pytest.mark.parametrize(
    ("app", "command"),
    [
        ("django_rq", "python manage.py rqworker default"),
        ("django_q", "python manage.py qcluster"),
        ("huey.contrib.djhuey", "python manage.py run_huey"),
        ("django_dramatiq", "python manage.py rundramatiq"),
    ],
)
def test_django_s_queues_are_found_in_its_settings(make: Make, app: str, command: str) -> None:
    root = make(
        {
            "manage.py": "import os\n"
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
            "shop/__init__.py": "",
            "shop/settings.py": f"{READS}INSTALLED_APPS = ['django.contrib.admin', '{app}']\n"
            "WSGI_APPLICATION = 'shop.wsgi.application'\nROOT_URLCONF = 'shop.urls'\n",
            "shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\n"
            "application = get_wsgi_application()\n",
        }
    )
    found = detect(root)
    assert [c for _, c in found.workers] == [command]
    assert found.redis


def test_a_broker_that_nothing_reads_the_address_of_is_noticed(make: Make) -> None:
    tasks = "from celery import Celery\napp = Celery('a', broker='redis://localhost')\n"
    found = detect(make({"main.py": FASTAPI, "tasks.py": tasks}))
    assert not found.redis
    assert facts(found) == ["celery has a broker, and nothing reads REDIS_URL"]


def test_a_redis_url_that_is_given_by_tenfold_is_not_asked_for(make: Make) -> None:
    root = make({"main.py": FASTAPI + READS, ".env": "REDIS_URL=redis://localhost\n"})
    assert "REDIS_URL" not in dict(detect(root).env)
