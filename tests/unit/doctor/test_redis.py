"""Redis: who names it, whether it keeps jobs, who can listen in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tenfold.doctor import catalogue
from tenfold.doctor.facts import RedisFacts
from tenfold.doctor.look import redis as looking
from tenfold.doctor.model import Seen, Unseen
from tenfold.doctor.queues import in_redis
from tenfold.engines.redis.external import Address, Facts, parse
from tenfold.secret import Secret
from tenfold.spec.read import parse as spec_of
from tenfold.spec.redis import RedisTable
from tenfold.state.layout import Layout

from .conftest import django_files, read, tables, write

Find = Callable[..., list[Seen]]
OURS = RedisTable()
OWN = RedisTable(url="${REDIS_URL}")
REMOTE = parse(Secret("redis://:pw@cache.example:6379/0"))
MIB = 1 << 20
CELERY = "from celery import Celery\n"


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """What one check sees in these files with this server."""

    def seen(id: str, files: Mapping[str, str] | None = None, **known: Any) -> list[Seen]:
        write(tmp_path, files or {})
        declared = known.get("table") is not None
        given = {**({"REDIS_URL": None} if declared else {}), **known.pop("env", {})}
        return list(catalogue.named(id).find(RedisFacts(read(tmp_path, given=given), **known)))

    return seen


@pytest.mark.parametrize(
    ("line", "bites"),
    [
        ('url = os.environ["REDIS_URL"]', "10"),
        ('url = env("REDIS_URL")', "10"),
        ('url = os.environ.get("REDIS_URL", "redis://localhost:6379/0")', "1k"),
        ('url = config("REDIS_URL", default="redis://localhost")', "1k"),
        ('url = os.environ.get("REDIS_URL")', None),
        ('url = os.environ["REDIS_URL"] if "REDIS_URL" in os.environ else None', None),
        ("class Settings(BaseSettings):\n    redis_url: str", "10"),
        ('class Settings(BaseSettings):\n    redis_url: str = "redis://localhost"', "1k"),
    ],
)
def test_a_redis_that_nobody_declared(find: Find, line: str, bites: str | None) -> None:
    (seen,) = find("redis.not-declared", {"app.py": f"import os\n{line}\n"})
    assert seen.bites == bites
    assert seen.evidence[0].startswith("app.py:")
    assert "[redis]" in seen.fix


@pytest.mark.parametrize("known", [{"table": OURS}, {"table": OWN}, {"given": True}])
def test_a_redis_that_somebody_gives(find: Find, known: dict[str, Any]) -> None:
    files = {"app.py": 'import os\nurl = os.environ["REDIS_URL"]\n'}
    assert find("redis.not-declared", files, **known) == []


def test_a_redis_of_development_alone_is_not_missed(find: Find) -> None:
    files = {
        **django_files("DEBUG = False"),
        "shop/local_settings.py": 'import os\nurl = os.environ["REDIS_URL"]\n',
        "class.py": 'class S(BaseSettings):\n    model_config = dict(env_prefix="X_")\n'
        "    redis_url: str\n",
    }
    assert find("redis.not-declared", files) == []


def test_a_redis_that_nothing_reads(find: Find) -> None:
    (seen,) = find("redis.not-used", {"app.py": "app = 1\n"}, table=OURS)
    assert seen.bites is None
    assert find("redis.not-used", {"app.py": "app = 1\n"}) == []
    assert find("redis.not-used", {"app.py": "app = 1\n"}, table=OURS, brokered=("rq",)) == []
    assert find("redis.not-used", {"app.py": "x = settings.redis_url\n"}, table=OURS) == []


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('app = Celery("shop", broker="redis://localhost:6379/0")', "app.py:3"),
        ('url = "redis://:secret@127.0.0.1/1"', "app.py:3"),
        ('url = "redis://redis:6379"', "app.py:3"),
        ("cache = redis.Redis()", "app.py:3"),
        ('cache = redis.StrictRedis(host="localhost", db=1)', "app.py:3"),
        ('cache = redis.asyncio.Redis("127.0.0.1")', "app.py:3"),
        ('HOSTS = [("127.0.0.1", 6379)]', "app.py:3"),
        ('RQ_QUEUES = {"default": {"HOST": "localhost", "PORT": 6379}}', "app.py:3"),
        (
            'url = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")',
            "app.py:3 (unless CELERY_BROKER_URL is set)",
        ),
        (
            'url = os.environ.get("BROKER") or "redis://localhost"',
            "app.py:3 (unless BROKER is set)",
        ),
        (
            'cache = redis.Redis(host=os.environ.get("REDIS_HOST", "localhost"))',
            "app.py:3 (unless REDIS_HOST is set)",
        ),
    ],
)
def test_a_server_whose_address_is_in_the_code(find: Find, line: str, place: str) -> None:
    files = {"app.py": f"import os\nimport redis\n{line}\n"}
    (seen,) = find("redis.other-server", files, table=OURS)
    assert (seen.evidence, seen.bites) == ((place,), "10")
    (seen,) = find("redis.other-server", files)
    assert (seen.evidence, seen.bites) == ((place,), "1k")
    assert "[redis]" in seen.fix


@pytest.mark.parametrize(
    "line",
    [
        'url = os.environ.get("REDIS_URL", "redis://localhost:6379/0")',
        'url = os.environ.get("REDIS_URL") or "redis://localhost"',
        'url = os.environ["REDIS_URL"] if "REDIS_URL" in os.environ else "redis://localhost"',
        'cache = redis.Redis(host=os.environ["REDIS_HOST"])',
        'cache = redis.Redis(host="cache.example.com")',
        "cache = redis.Redis(connection_pool=pool)",
        "cache = redis.Redis(**options)",
        'cache = redis.Redis.from_url(os.environ["REDIS_URL"])',
        '"""The queue is at redis://localhost."""',
        'def connect(url="redis://localhost"):\n    return url',
        'if url == "redis://localhost": raise ValueError',
        'url = "redis://cache.example.com:6379"',
        'HOSTS = [("127.0.0.1", 11211)]',
        'class Settings(BaseSettings):\n    redis_url: str = "redis://localhost"',
    ],
)
def test_addresses_that_are_fine(find: Find, line: str) -> None:
    files = {"app.py": f"import os\nimport redis\n{line}\n"}
    assert find("redis.other-server", files, table=OURS) == []


def test_a_variable_that_the_file_gives_is_fine(find: Find) -> None:
    line = 'url = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")'
    files = {"app.py": f"import os\n{line}\n"}
    env = {"CELERY_BROKER_URL": None}
    assert find("redis.other-server", files, table=OURS, env=env) == []


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ({"table": RedisTable(policy="allkeys-lru")}, True),
        ({"table": RedisTable(policy="volatile-lru")}, False),
        ({"table": OURS}, False),
        ({"table": OWN, "seen": Facts(policy="allkeys-lfu")}, True),
        ({"table": OWN, "seen": Facts(policy="noeviction")}, False),
        ({"table": OWN}, False),
    ],
)
def test_a_policy_that_drops_queues(find: Find, known: dict[str, Any], found: bool) -> None:
    seen = find("redis.drops-jobs", brokered=("mail",), **known)
    assert [one.bites for one in seen] == (["10"] if found else [])
    assert find("redis.drops-jobs", **known) == []  # a cache alone


@pytest.mark.parametrize(
    ("known", "bites"),
    [
        ({"table": RedisTable(persistence="none")}, ["10"]),
        ({"table": RedisTable(persistence="snapshot")}, [None]),
        ({"table": OURS}, []),
        ({"table": OWN, "seen": Facts(logs=False, saves="")}, ["10"]),
        ({"table": OWN, "seen": Facts(logs=False, saves="3600 1")}, [None]),
        ({"table": OWN, "seen": Facts(logs=False)}, [None]),
        ({"table": OWN, "seen": Facts(logs=True, saves="")}, []),
        ({"table": OWN, "seen": Facts()}, []),
    ],
)
def test_jobs_that_are_in_memory_alone(
    find: Find, known: dict[str, Any], bites: list[str | None]
) -> None:
    assert [s.bites for s in find("redis.jobs-not-kept", brokered=("mail",), **known)] == bites
    assert find("redis.jobs-not-kept", **known) == []  # a cache alone


def remote(url: str) -> Address:
    return parse(Secret(url))


@pytest.mark.parametrize(
    ("url", "private", "told"),
    [
        ("redis://:pw@cache.example", False, [("not encrypted", "10")]),
        ("redis://:pw@10.0.0.7", True, [("not encrypted", None)]),
        ("rediss://cache.example", False, [("no password", "10")]),
        ("redis://cache.example", False, [("not encrypted", "10"), ("no password", "10")]),
        ("rediss://:pw@cache.example", False, []),
        ("redis://localhost", True, []),
        ("unix:///run/redis.sock", False, []),
    ],
)
def test_who_can_listen_in(
    find: Find, url: str, private: bool, told: list[tuple[str, str | None]]
) -> None:
    facts = Facts(private=private)
    found = find("redis.connection", table=OWN, address=remote(url), seen=facts)
    assert [s.bites for s in found] == [bites for _, bites in told]
    assert all(words in s.what for s, (words, _) in zip(found, told, strict=True))
    assert "pw" not in repr(found)


def test_one_that_does_not_answer_or_cannot_be_used(find: Find) -> None:
    (seen,) = find("redis.silent", table=OWN, address=REMOTE, silent="your Redis does not answer")
    assert seen.evidence == ("cache.example:6379",)
    (seen,) = find("redis.follower", table=OWN, address=REMOTE, seen=Facts(follows=True))
    assert "replica" in seen.what
    cluster = Facts(clustered=True)
    assert find("redis.follower", table=OWN, address=REMOTE, seen=cluster) == []
    (seen,) = find("redis.follower", table=OWN, address=REMOTE, seen=cluster, brokered=("mail",))
    assert "cluster" in seen.what


@pytest.mark.parametrize(
    ("used", "policy", "found"),
    [(90, "noeviction", True), (70, "noeviction", False), (99, "allkeys-lru", False)],
)
def test_one_that_is_nearly_full(find: Find, used: int, policy: str, found: bool) -> None:
    facts = Facts(policy=policy, used_bytes=used * MIB, max_bytes=100 * MIB)
    seen = find("redis.memory", table=OURS, seen=facts)
    assert [s.evidence for s in seen] == ([(f"{used} of 100 MiB in use",)] if found else [])
    assert find("redis.memory", table=OURS, seen=Facts(used_bytes=used * MIB)) == []


def test_a_program_without_fixes(find: Find) -> None:
    (seen,) = find("redis.program", table=OURS, dated="Redis 6.2.5")
    assert seen.bites is None


@pytest.mark.parametrize(
    ("files", "command", "is_in_redis"),
    [
        ({}, "rq worker", True),
        ({"a.py": f"{CELERY}c = Celery(broker=os.environ['REDIS_URL'])"}, "celery worker", True),
        ({"a.py": f"{CELERY}c = Celery(broker='amqp://x')"}, "celery worker", False),
        ({"a.py": "x = 'amqp://x', 'redis://cache'"}, "celery worker", False),
        ({"a.py": "b = RedisBroker(url=1)"}, "dramatiq a", True),
        ({"a.py": "b = RabbitmqBroker(url=1)"}, "dramatiq a", False),
        ({"a.py": "Q_CLUSTER = {'orm': 'default'}"}, "python manage.py qcluster", False),
        ({}, "python -m own", False),
    ],
)  # fmt: skip
def test_which_workers_take_their_jobs_from_redis(
    tmp_path: Path, files: dict[str, str], command: str, is_in_redis: bool
) -> None:
    write(tmp_path, files)
    found = in_redis(read(tmp_path), tables({"mail": command}))
    assert found == (("mail",) if is_in_redis else ())


def test_a_url_whose_variable_is_not_set_is_said_to_be_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    spec = spec_of('name = "a"\napp = "a:b"\n[redis]\nurl = "${REDIS_URL}"\n')
    unseen: list[Unseen] = []
    facts = looking.look(Layout(tmp_path), spec, read(tmp_path), None, unseen)
    assert (facts.address, facts.silent) == (None, None)
    assert [u.why for u in unseen] == ["${REDIS_URL} is not set here"]


def test_a_server_that_nobody_runs_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/none.sock?password=hunter2")
    spec = spec_of('name = "a"\napp = "a:b"\n[redis]\nurl = "${REDIS_URL}"\n')
    facts = looking.look(Layout(tmp_path), spec, read(tmp_path), None, [])
    assert "does not answer" in (facts.silent or "")
    assert "hunter2" not in repr(facts)
