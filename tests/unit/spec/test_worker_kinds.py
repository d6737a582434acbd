from __future__ import annotations

import pytest

from tenfold import stages
from tenfold.errors import SpecError
from tenfold.spec.read import parse
from tenfold.spec.worker_kinds import kind_of
from tenfold.stages.facts import AppFacts, Machine
from tenfold.topology.settings import WorkerSettings

PLAIN = 'name = "shop"\napp = "shop:app"\n'


@pytest.mark.parametrize(
    ("command", "name", "signal", "single"),
    [
        ("celery -A shop worker -c 2", "celery", "SIGTERM", False),
        ("celery -A shop worker -B", "celery with beat", "SIGTERM", True),
        ("/venv/bin/celery -A shop beat", "celery beat", "SIGTERM", True),
        ("python -m celery -A shop worker", "celery", "SIGTERM", False),
        ("uv run celery -A shop worker", "celery", "SIGTERM", False),
        ("celery -A shop flower", "command", "SIGTERM", True),
        ("rq worker high low", "rq", "SIGTERM", False),
        ("python manage.py rqworker default", "rq", "SIGTERM", False),
        ("dramatiq shop.tasks", "dramatiq", "SIGTERM", False),
        ("huey_consumer.py shop.huey", "huey", "SIGINT", True),
        ("huey_consumer shop.huey -n", "huey", "SIGINT", False),
        ("poetry run python manage.py run_huey", "huey", "SIGINT", True),
        ("python3.12 manage.py qcluster", "django-q", "SIGTERM", False),
        ("./manage.py db_worker", "django-tasks", "SIGTERM", False),
        ("python -m procrastinate -a shop.queue worker", "procrastinate", "SIGTERM", False),
        ("python -m shop.poller", "command", "SIGTERM", True),
        ("sh -c 'exec celery worker'", "command", "SIGTERM", True),
    ],
)
def test_a_command_tells_what_it_is(command: str, name: str, signal: str, single: bool) -> None:
    kind = kind_of(command)
    assert (kind.name, kind.stop_signal, kind.single) == (name, signal, single)


def test_of_an_unknown_command_there_may_be_several_where_the_file_says_so() -> None:
    assert not kind_of("python -m shop.poller", count=2).single


def settings(text: str) -> WorkerSettings:
    spec = parse(PLAIN + text)
    pools = stages.topology("10", spec, Machine(2, 1 << 30), AppFacts("uvicorn", "asgi")).pools
    (found,) = [p.settings for p in pools if isinstance(p.settings, WorkerSettings)]
    return found


def test_what_the_file_says_goes_before_what_is_known() -> None:
    known = settings('[workers.huey]\ncommand = "huey_consumer.py shop.huey"\n')
    assert (known.single, known.stop_signal, known.drain_seconds) == (True, "SIGINT", 60.0)
    said = settings(
        '[workers.huey]\ncommand = "huey_consumer.py shop.huey"\nsingle = false\n'
        'stop_signal = "SIGTERM"\ndrain = "5m"\nsteady = "500ms"\n'
    )
    assert (said.single, said.stop_signal) == (False, "SIGTERM")
    assert (said.drain_seconds, said.steady_seconds) == (300.0, 0.5)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[workers.app]\ncommand = "rq worker"', "is what another unit is called"),
        ('[workers.redis]\ncommand = "rq worker"', "is what another unit is called"),
        ('[workers."Mail 1"]\ncommand = "rq worker"', "is not a name"),
        ('[workers.mail]\ncommand = "celery multi start w1"', "leaves its workers alone"),
        ('[workers.mail]\ncommand = "celery -A a worker -D"', "in the background"),
        ('[workers.mail]\ncommand = "celery -A a worker --detach"', "in the background"),
        ('[workers.mail]\ncommand = "cd a && rq worker"', "no shell reads it"),
        ('[workers.mail]\ncommand = "rq \'worker"', "a closing quote is missing"),
        ('[workers.mail]\ncommand = ""', "command"),
        ("[workers.mail]\ncount = 2", "is missing"),
        ('[workers.mail]\ncommand = "rq worker"\ncount = 0', "count"),
        ('[workers.mail]\ncommand = "rq worker"\ncount = 65', "count"),
        ('[workers.mail]\ncommand = "rq worker"\nstop_signal = "TERM"', "SIGTERM"),
        ('[workers.mail]\ncommand = "rq worker"\ndrain = 5', "duration"),
        ('[workers.mail]\ncommand = "rq worker"\ndrain = "25h"', "longer than a day"),
        ('[redis]\npersistence = "disk"', "aof"),
        ('[redis]\nmax_memory = "1MB"', "max_memory"),
        ('[redis]\nserver = "redis-server"', "absolute path"),
    ],
)
def test_slips_are_answered(table: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(PLAIN + table + "\n")
    assert words in str(caught.value)


def test_there_is_an_end_to_kinds() -> None:
    tables = "".join(f'[workers.w{n}]\ncommand = "rq worker"\n' for n in range(21))
    with pytest.raises(SpecError):
        parse(PLAIN + tables)
