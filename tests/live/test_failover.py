"""The database's leader dies, falls silent or is replaced, while users write: what they notice."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from tests.support.databases import KINDS, Driver
from tests.support.failover import Load, Site, site
from tests.support.hosts import until

pytestmark = [pytest.mark.live, pytest.mark.few(2), pytest.mark.timeout(240)]

SEEN_SECONDS = 0.5
"""What comes so soon after the fault may still count as in hand: the machine may be busy."""
BY_NAME = {str(kind): kind for kind in KINDS}
FAMILIES = [
    "psycopg_pool-gunicorn", "sqlalchemy-psycopg-gunicorn", "django-kept-gunicorn",
    "django-pool-gunicorn", "django-kept-uvicorn", "asyncpg-uvicorn", "sqlalchemy-asyncpg-uvicorn",
    "psycopg-async-pool-uvicorn", "plain-gunicorn",
]  # fmt: skip


def require_nothing_lost(made: Site, load: Load) -> None:
    """Whatever was acknowledged is there, once."""
    counted = Counter(made.written())
    assert max(counted.values()) == 1
    assert [r.name for r in load.succeeded if r.name not in counted] == []


def go_on(load: Load, requests: int = 40) -> None:
    now = time.monotonic()
    until(lambda: load.succeeded_since(now) >= requests, "requests to go on")


@pytest.mark.parametrize("kind", [BY_NAME[name] for name in FAMILIES], ids=str)
def test_only_what_was_in_hand_fails_when_the_leader_is_killed(kind: Driver) -> None:
    with site(kind) as made:
        workers = made.pid("app.1.0")
        with made.load(rate=20) as load:
            made.kill_leader()
            until(lambda: made.held, "requests to wait")
            until(lambda: made.state("database") == "resting", "the endpoint to let wait")
            made.promote()
            until(lambda: not made.held, "requests to go on")
            go_on(load)
        assert load.failed_but(made.fault, SEEN_SECONDS) == []
        assert made.pid("app.1.0") == workers, "no worker was started anew"
        require_nothing_lost(made, load)
