from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from tenfold.engines.protocol import Place, ReleasePlace, Scene
from tenfold.engines.worker import Worker
from tenfold.secret import Secret
from tenfold.topology.model import Host, Pool, Topology
from tenfold.topology.settings import EdgeSettings, WorkerSettings
from tenfold.wiring.document import Database, Document, Redis

RELEASE = ReleasePlace(
    "r1", "/releases/r1", "/venv/bin/python", "/runtime", {"PATH": "/venv/bin:/bin"}
)
DOCUMENT = Document(
    "shop",
    "10",
    databases={"main": Database("127.0.0.2", 5432, "shop", "app")},
    redis=Redis("127.0.0.2", 6379),
)
SCENE = Scene(
    Host("vm1"),
    Topology("shop", "10", (Host("vm1"),)),
    DOCUMENT,
    Place("/c", "/d", "/r", "/l", "/a", "127.0.0.2", release=RELEASE),
    secrets={"main.app": Secret("correct-horse"), "redis.app": Secret("battery")},
    instance="mail.3.1",
    variables={"LOG": "info"},
)


def pool(command: str, kind: str = "command") -> Pool:
    return Pool("mail", "worker", "vm1", WorkerSettings(command, kind))


@pytest.mark.parametrize(
    ("command", "kind", "added"),
    [
        ("python -m shop.poller --name 'a b'", "command", ""),
        ("celery -A shop worker", "celery", "--hostname mail.3.1@%h"),
        ("celery -A shop worker -n mine@%h", "celery", ""),
        ("celery -A shop worker --hostname=mine@%h", "celery", ""),
        ("celery -A shop beat", "celery beat", "--schedule /d/celerybeat-schedule"),
        ("celery -A shop beat -s /tmp/s", "celery beat", ""),
        (
            "celery -A shop worker -B",
            "celery with beat",
            "--hostname mail.3.1@%h --schedule /d/celerybeat-schedule",
        ),
        ("rq worker", "rq", ""),
    ],
)
def test_celery_gets_what_it_would_otherwise_share_or_lose(
    command: str, kind: str, added: str
) -> None:
    argv = Worker().launch(pool(command, kind), SCENE).argv
    assert argv == (*shlex.split(command), *shlex.split(added))


def test_it_is_wired_like_the_app_and_shows_no_password() -> None:
    launch = Worker().launch(pool("rq worker", "rq"), SCENE)
    assert (launch.cwd, launch.control, launch.sockets) == ("/releases/r1", None, ())
    secrets = {k: v.reveal() for k, v in launch.env.items() if isinstance(v, Secret)}
    assert secrets == {
        "DATABASE_URL": "postgresql://app:correct-horse@127.0.0.2:5432/shop",
        "REDIS_URL": "redis://:battery@127.0.0.2:6379/0",
        "RQ_REDIS_URL": "redis://:battery@127.0.0.2:6379/0",
    }
    assert launch.env["LOG"] == "info"
    assert launch.env["TENFOLD_DATA"] == "/d"
    assert "battery" not in " ".join(launch.argv)
    assert "RQ_REDIS_URL" not in Worker().launch(pool("celery worker", "celery"), SCENE).env


def test_how_it_ends_is_as_the_settings_say() -> None:
    settings = WorkerSettings("x", stop_signal="SIGINT", drain_seconds=5.0, steady_seconds=1.5)
    launch = Worker().launch(replace(pool("x"), settings=settings), SCENE)
    assert (launch.stop.signal, launch.stop.within_seconds) == ("SIGINT", 5.0)
    assert (launch.ready.kind, launch.ready.steady_seconds) == ("steady", 1.5)
    assert launch.ready.within_seconds > 1.5


def test_there_is_nothing_to_launch_without_a_release() -> None:
    scene = replace(SCENE, place=replace(SCENE.place, release=None))
    with pytest.raises(ValueError, match="no release lies on vm1"):
        Worker().launch(pool("x"), scene)


def test_only_workers_are_launched() -> None:
    with pytest.raises(TypeError, match="vm1/mail is no worker"):
        Worker().launch(replace(pool("x"), settings=EdgeSettings()), SCENE)
