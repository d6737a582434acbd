"""Background workers: what they lack, what runs twice or never, and which jobs are lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tenfold.doctor import catalogue
from tenfold.doctor.facts import WorkersFacts
from tenfold.doctor.look import workers as looking
from tenfold.doctor.look.commands import lacking
from tenfold.doctor.model import Seen
from tenfold.spec.detect import installed
from tenfold.spec.read import parse

from .conftest import django_files, read, tables, write

Find = Callable[..., list[Seen]]
CELERY = """
    import os
    from celery import Celery
    app = Celery("shop", broker=os.environ["REDIS_URL"])
    {settings}

    @app.task({options})
    def send():
        pass
    """
WORKER = {"mail": "celery -A shop worker"}


def celery(settings: str = "", options: str = "") -> dict[str, str]:
    return {"shop.py": CELERY.format(settings=settings, options=options)}


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """What one check sees in these files with these workers."""

    def seen(
        id: str, files: Mapping[str, str], workers: Mapping[str, Any], **more: Any
    ) -> list[Seen]:
        write(tmp_path, files)
        given = {"REDIS_URL": None}
        facts = WorkersFacts(read(tmp_path, given=given), tables(workers), **more)
        return list(catalogue.named(id).find(facts))

    return seen


@pytest.mark.parametrize(
    ("workers", "what", "fix"),
    [
        ({"beat": {"command": "celery -A shop beat", "count": 2}}, "2 schedulers", "count = 1"),
        (
            {"mail": {"command": "celery -A shop worker -B", "count": 3}},
            "3 schedulers start every job 3 times",
            "beat in a table of its own",
        ),
        (
            {"beat": {"command": "celery -A shop beat", "single": False}},
            "two schedulers run in each deploy",
            "leave single out",
        ),
        (
            {"beat": "celery -A shop beat", "mail": "celery --app=shop worker --beat"},
            "2 schedulers of Celery",
            "no -B here",
        ),
        (
            {"one": "python manage.py run_huey", "two": "python manage.py run_huey"},
            "2 schedulers of Huey",
            "--no-periodic",
        ),
        ({"a": "rqscheduler", "b": "python -m rqscheduler"}, "2 schedulers of RQ", "keep one"),
    ],
)
def test_schedulers_that_run_more_than_once(
    find: Find, workers: dict[str, Any], what: str, fix: str
) -> None:
    (seen,) = find("workers.scheduler-twice", {}, workers)
    assert what in seen.what
    assert fix in seen.fix
    assert seen.bites == "10"


@pytest.mark.parametrize(
    "workers",
    [
        {"beat": "celery -A shop beat", "mail": {"command": "celery -A shop worker", "count": 4}},
        {"beat": "celery -A shop beat", "other": "celery -A blog beat"},
        {"huey": {"command": "huey_consumer shop.huey --no-periodic", "count": 2}},
        {"own": {"command": "python -m shop.poll", "count": 2}},
        {"rq": {"command": "rq worker --with-scheduler", "count": 3}},  # RQ's own takes a lock
    ],
)
def test_schedulers_that_run_once(find: Find, workers: dict[str, Any]) -> None:
    assert find("workers.scheduler-twice", {}, workers) == []


@pytest.mark.parametrize(
    ("files", "place"),
    [
        (celery('app.conf.beat_schedule = {"nightly": {"task": "send"}}'), "shop.py:5"),
        (celery('app.conf.update(beat_schedule={"nightly": {"task": "send"}})'), "shop.py:5"),
        (celery("app.add_periodic_task(60.0, send.s())"), "shop.py:5"),
        (
            {
                **celery('app.config_from_object("celeryconfig")'),
                "celeryconfig.py": 'beat_schedule = {"nightly": {"task": "send"}}\n',
            },
            "celeryconfig.py:1",
        ),
        (
            django_files('CELERY_BEAT_SCHEDULE = {"nightly": {"task": "send"}}'),
            "shop/settings.py:1",
        ),
        (
            django_files('INSTALLED_APPS = ["django_celery_beat"]'),
            "shop/settings.py:1 django_celery_beat",
        ),
    ],
)
def test_a_schedule_that_nothing_runs(find: Find, files: dict[str, str], place: str) -> None:
    (seen,) = find("workers.no-scheduler", files, WORKER)
    assert seen.evidence == (place,)
    assert 'command = "celery -A shop beat"' in seen.fix
    with_beat = {**WORKER, "beat": "celery -A shop beat"}
    assert find("workers.no-scheduler", files, with_beat) == []
    assert find("workers.no-scheduler", files, {"mail": "celery -A shop worker -B"}) == []
    assert find("workers.no-scheduler", files, {"beat": "sh -c 'celery -A shop beat'"}) == []


def test_without_a_schedule_no_beat_is_missed(find: Find) -> None:
    assert find("workers.no-scheduler", celery(), WORKER) == []
    assert find("workers.no-scheduler", celery("app.conf.beat_schedule = {}"), WORKER) == []


def test_jobs_for_later_that_no_worker_starts(find: Find) -> None:
    files = {
        "jobs.py": """
            from datetime import timedelta
            from rq import Queue
            queue = Queue(connection=None)
            queue.enqueue_in(timedelta(minutes=5), print)
            """
    }
    (seen,) = find("workers.no-scheduler", files, {"rq": "rq worker default"})
    assert seen.evidence == ("jobs.py:5",)
    assert "rq worker default --with-scheduler" in seen.fix
    assert find("workers.no-scheduler", files, {"rq": "rq worker --with-scheduler"}) == []


def test_a_queue_without_a_worker(find: Find) -> None:
    found = (("celery", "celery -A shop worker", "shop.py:3"), ("own", "python x.py", "Procfile"))
    (seen,) = find("workers.not-declared", celery(), {}, found=found)
    assert (seen.evidence, seen.bites) == (("shop.py:3",), None)
    assert seen.fix == '[workers.celery]\ncommand = "celery -A shop worker"'
    assert find("workers.not-declared", celery(), WORKER, found=found) == []
    shell = {"all": "sh -c 'exec celery -A shop worker'"}
    assert find("workers.not-declared", celery(), shell, found=found) == []


def test_what_the_source_speaks_of_is_found_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, celery())
    spec = parse('name = "shop"\napp = "shop:app"\n')
    facts = looking.look(tmp_path, spec, read(tmp_path))
    assert facts.found == (("celery", "celery -A shop worker", "shop.py:4"),)


def test_a_job_that_may_take_longer_than_a_deploy_waits(find: Find) -> None:
    files = celery("app.conf.task_time_limit = 30 * 60")
    (seen,) = find("workers.jobs-lost", files, WORKER)
    assert seen.evidence == ("shop.py:5 allows 1800 s", "[workers.mail] drain is 60 s")
    assert 'drain = "1800s"' in seen.fix
    assert "task_acks_late" in seen.fix
    long = {"mail": {"command": "celery -A shop worker", "drain": "1h"}}
    assert find("workers.jobs-lost", files, long) == []


@pytest.mark.parametrize(
    "files",
    [
        celery("app.conf.update(task_time_limit=1800, task_acks_late=True)"),
        celery("app.conf.task_time_limit = 1800", "acks_late=True"),
        celery("app.conf.task_time_limit = 30"),
        celery("app.conf.task_time_limit = 1800; app.config_from_envvar('CELERY_CONFIG')"),
        celery(),
    ],
)
def test_jobs_that_are_not_lost_or_of_which_it_is_not_known(
    find: Find, files: dict[str, str]
) -> None:
    assert find("workers.jobs-lost", files, WORKER) == []


@pytest.mark.parametrize(
    ("command", "signal"),
    [("celery -A shop worker", "SIGQUIT"), ("huey_consumer shop.huey", "SIGTERM")],
)
def test_a_signal_that_cuts_jobs_off(find: Find, command: str, signal: str) -> None:
    (seen,) = find(
        "workers.jobs-lost", celery(), {"mail": {"command": command, "stop_signal": signal}}
    )
    assert seen.bites is None
    late = celery("app.conf.task_acks_late = True")
    known = find("workers.jobs-lost", late, {"mail": {"command": command, "stop_signal": signal}})
    assert bool(known) is command.startswith("huey")


@pytest.mark.parametrize(
    ("settings", "drain", "twice"),
    [
        ("app.conf.task_acks_late = True", "2h", True),
        ("app.conf.update(task_acks_late=True, task_time_limit=7200)", "60s", True),
        ("app.conf.task_acks_late = True", "60s", False),
        ("", "2h", False),
        (
            "app.conf.update(task_acks_late=True,"
            ' broker_transport_options={"visibility_timeout": 10800})',
            "2h",
            False,
        ),
        (
            "app.conf.task_acks_late = True; app.conf.broker_transport_options = OPTIONS",
            "2h",
            False,
        ),
    ],
)
def test_long_jobs_that_run_twice(find: Find, settings: str, drain: str, twice: bool) -> None:
    workers = {"mail": {"command": "celery -A shop worker", "drain": drain}}
    found = find("workers.jobs-twice", celery(settings), workers)
    assert bool(found) is twice
    assert all("visibility_timeout" in seen.fix for seen in found)
    elsewhere = {
        "shop.py": celery(settings)["shop.py"].replace('os.environ["REDIS_URL"]', '"amqp://"')
    }
    assert find("workers.jobs-twice", elsewhere, workers) == []


@pytest.mark.parametrize(
    ("files", "workers", "place", "bites"),
    [
        (
            {"shop.py": "from celery import Celery\napp = Celery(broker='memory://')"},
            WORKER,
            "shop.py:2",
            "10",
        ),
        (
            {"shop.py": "from celery import Celery\napp = Celery(broker='sqla+sqlite:///q.db')"},
            WORKER,
            "shop.py:2",
            "1k",
        ),
        (django_files("CELERY_TASK_ALWAYS_EAGER = True"), WORKER, "shop/settings.py:1", "10"),
        (
            {"jobs.py": "from rq import Queue\nqueue = Queue(is_async=False)"},
            {"rq": "rq worker"},
            "jobs.py:2",
            "10",
        ),
        (
            {"jobs.py": "from huey import SqliteHuey\nhuey = SqliteHuey('jobs.db')"},
            {"huey": "huey_consumer jobs.huey"},
            "jobs.py:2",
            "1k",
        ),
    ],
)
def test_queues_that_workers_never_see(
    find: Find, files: dict[str, str], workers: dict[str, str], place: str, bites: str
) -> None:
    (seen,) = find("workers.queue-in-process", files, workers)
    assert (seen.evidence, seen.bites) == ((place,), bites)
    assert find("workers.queue-in-process", files, {}) == []


def test_a_setting_for_tests_alone_is_fine(find: Find) -> None:
    files = django_files('import os\nCELERY_TASK_ALWAYS_EAGER = os.environ.get("TESTING") == "1"')
    assert find("workers.queue-in-process", files, WORKER) == []


def environment(root: Path, *programs: str, packages: tuple[str, ...] = ()) -> None:
    """A virtual environment with these programs and distributions."""
    site = root / ".venv/lib/python3.12/site-packages"
    for folder in (root / ".venv/bin", site):
        folder.mkdir(parents=True)
    (root / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    for program in programs:
        (root / ".venv/bin" / program).write_text("#!/bin/sh\n")
    for package in packages:
        name, _, version = package.partition("==")
        (site / f"{name.replace('-', '_')}-{version or '1.0'}.dist-info").mkdir()


@pytest.mark.parametrize(
    ("command", "what", "fix"),
    [
        ("dramatiq shop", ".venv has no dramatiq", ".venv/bin/pip install dramatiq"),
        (
            "uv run celery -A shop worker",
            "a release has no uv",
            'command = "celery -A shop worker"',
        ),
        ("celery -A shopp worker", "there is no module shopp", "correct the command"),
        ("python -m shop_jobs.poll", "there is no module shop_jobs.poll", "pythonpath"),
        ("python manage.py rqworker", ".venv has nothing that brings rqworker", "django-rq"),
        ("python jobs.py", "there is no jobs.py in the project", "correct the command"),
        ("bin/worker", "there is no bin/worker in the project", "correct the command"),
    ],
)
def test_what_a_command_lacks(tmp_path: Path, command: str, what: str, fix: str) -> None:
    write(tmp_path, {**celery(), "manage.py": ""})
    environment(tmp_path, "celery", packages=("celery==5.5",))
    lack = lacking(tmp_path, (), installed.find(tmp_path), command)
    assert lack is not None
    assert what in lack[0]
    assert fix in lack[1]


@pytest.mark.parametrize(
    "command",
    [
        "celery -A shop worker",
        "celery -A shop:app worker",
        "python -m celery -A shop worker",
        "python -m http.server",
        "python manage.py send_mails",
        "python manage.py clean_up",
        "python manage.py qcluster",
        "sh -c 'exec celery -A shop worker'",
        "bin/worker",
        "/opt/thing/worker",
    ],
)
def test_commands_that_lack_nothing(tmp_path: Path, command: str) -> None:
    more = {"manage.py": "", "bin/worker": "", "shop_mail/management/commands/clean_up.py": ""}
    write(tmp_path, {**celery(), **more})
    environment(tmp_path, "celery", packages=("celery==5.5", "django-q2==1.8"))
    (tmp_path / ".venv/lib/python3.12/site-packages/celery").mkdir()
    assert lacking(tmp_path, (), installed.find(tmp_path), command) is None


def test_without_an_environment_only_a_lock_says_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, {**celery(), "requirements.txt": "django-celery-beat\n"})
    assert lacking(tmp_path, (), installed.find(tmp_path), "celery -A shop worker") is None


def test_a_lack_is_told_with_its_table(find: Find) -> None:
    lacks = {"mail": (".venv has no celery", ".venv/bin/pip install celery")}
    (seen,) = find("workers.command", {}, WORKER, lacking=lacks)
    assert seen.evidence == ("[workers.mail] celery -A shop worker",)
