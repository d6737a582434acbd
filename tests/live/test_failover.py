"""The database's leader dies, falls silent or is replaced, while users write: what they notice."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from tests.support.databases import KINDS, Driver
from tests.support.failover import HOST, Load, Site, site
from tests.support.hosts import Request, until, worker_status
from tests.support.postgres import paused

from tenfold.agent.serving import ACCEPT_SECONDS
from tenfold.topology.settings import FailoverSettings

pytestmark = [pytest.mark.live, pytest.mark.few(1), pytest.mark.timeout(240)]

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


AT_ONCE = 6
"""Requests of a burst of the load: as many connections are kept."""
PLAIN = BY_NAME["psycopg_pool-gunicorn"]
KEPT = BY_NAME["django-kept-gunicorn"]
STRANGE = BY_NAME["one-per-thread-gunicorn"]
BRIEF = FailoverSettings(silence_seconds=0.5, hold_seconds=4.0)


def end_in_order(made: Site) -> None:
    """A leader that is stopped as Patroni stops it when another one is to lead."""
    made.fault = time.monotonic()
    made.leader.stop()


def test_connections_of_no_known_pool_go_with_their_worker_and_nobody_notices() -> None:
    with site(STRANGE) as made:
        with made.load(rate=20) as load:
            worker = made.pid("app.1.0")
            made.agent.hold("app", 60.0)
            made.agent.drained("app", 30.0)
            end_in_order(made)
            made.leader.start()
            until(lambda: "'renewed': 1" in made.said("failover"), "another worker to be there")
            until(lambda: "release" in made.said("failover"), "the keeper to be done")
            assert made.held, "a command holds, and the keeper does not let go for it"
            made.agent.release("app")
            go_on(load)
        assert load.failed == []
        found = made.agent.observe().unit("app.1.0")
        assert found is not None
        assert found.pid != worker
        assert found.restarts == 0, "it is no crash"


def test_a_leader_that_is_paused_is_waited_for_and_not_left() -> None:
    with site(KEPT, BRIEF) as made:
        with made.load(rate=20) as load:
            with paused(made.leader):
                until(lambda: made.held, "requests to wait")
                assert made.state("database") == "running", "sessions are left as they are"
            until(lambda: not made.held, "requests to go on")
            go_on(load)
        assert load.failed == []
        assert "cut" not in made.said("failover")


def test_a_paused_leader_is_left_when_another_one_leads_and_never_taken_back() -> None:
    with site(PLAIN) as made:
        with made.load(rate=20) as load:
            made.fault = time.monotonic()
            with paused(made.leader):
                made.promote()
                until(lambda: "release" in made.said("failover"), "the new leader to be served")
                served = time.monotonic()
                go_on(load)
            # The old one goes on where it was, and still takes writes on its own timeline.
            go_on(load)
        assert load.failed_but(served, 0.0) == []
        since = {r.name for r in load.succeeded if r.sent > served}
        assert since <= set(made.written())


def test_a_leader_that_is_started_again_costs_no_later_request() -> None:
    with site(KEPT) as made:
        with made.load(rate=20) as load:
            end_in_order(made)
            until(lambda: made.held, "requests to wait")
            made.leader.start()
            until(lambda: not made.held, "requests to go on")
            go_on(load)
        assert load.failed_but(made.fault, SEEN_SECONDS) == []


def test_requests_wait_for_so_long_and_then_fail_until_somebody_leads() -> None:
    with site(KEPT, BRIEF) as made:
        with made.load(rate=20) as load:
            made.kill_leader()
            until(lambda: made.held, "requests to wait")
            until(lambda: not made.held, "the bound to be over")
            over = time.monotonic()
            until(lambda: any(r.sent > over for r in load.failed), "requests to fail at once")
            made.promote()
            until(lambda: made.said("failover").count("release") > 0, "the new leader to be served")
            served = time.monotonic()
            go_on(load)
        assert load.failed_but(served, 0.0) == []
        require_nothing_lost(made, load)


def test_giving_up_leads_nobody_to_a_leader_of_the_past() -> None:
    """The old leader takes writes, which would be lost; the one after it is gone."""
    with site(KEPT, BRIEF) as made:
        with made.load(rate=20) as load:
            made.kill_leader()
            made.promote()
            until(lambda: "release" in made.said("failover"), "the new leader to be served")
            made.follower.kill()
            until(lambda: made.held, "requests to wait")
            made.leader.start()
            until(lambda: not made.held, "the bound to be over")
            over = time.monotonic()
            until(lambda: sum(r.sent > over for r in load.failed) > 20, "requests to fail at once")
        assert load.succeeded_since(over) == 0


@pytest.mark.parametrize("victim", ["failover", "agent"])
def test_killed_in_the_midst_of_it_somebody_goes_on(victim: str) -> None:
    with site(PLAIN) as made:
        with made.load(rate=20) as load:
            made.kill_leader()
            until(lambda: made.state("database") == "resting", "the endpoint to let wait")
            agent = victim == "agent"
            made.hosts.kill(made.hosts.agent_pid(HOST) if agent else made.pid("failover"))
            made.promote()
            until(lambda: made.state("database") == "running", "the endpoint to be there")
            until(lambda: not made.held, "requests to go on")
            go_on(load)
        assert load.failed_but(made.fault, SEEN_SECONDS) == []
        require_nothing_lost(made, load)


def test_an_endpoint_that_was_led_to_a_server_that_is_gone_is_led_back() -> None:
    with site(PLAIN) as made:
        with made.load(rate=20) as load:
            made.kill_leader()
            made.promote()
            until(lambda: "release" in made.said("failover"), "the new leader to be served")
            go_on(load)
            made.lead_endpoint_to_the_first()
            until(lambda: made.said("failover").count("release") > 1, "it to be led back")
            mended = time.monotonic()
            go_on(load)
        assert "the endpoint is pointed anew" in made.said("failover")
        assert load.failed_but(mended, 0.0) == []
        require_nothing_lost(made, load)


@pytest.mark.parametrize("seconds", [5.0, 120.0], ids=["for a while", "for good"])
def test_a_worker_that_is_blocked_keeps_nobody_from_waiting(seconds: float) -> None:
    with site(BY_NAME["asyncpg-uvicorn"], workers=2) as made:
        with made.load(rate=20) as load:
            busy = Request(made.endpoints["app"], f"/busy/{seconds}")
            deaf = until(lambda: blocked(made), "one to be blocked")
            made.kill_leader()
            until(lambda: made.state("database") == "resting", "the endpoint to let wait")
            assert time.monotonic() - made.fault < ACCEPT_SECONDS, "it is waited for by nobody"
            assert made.held
            made.promote()
            until(lambda: "release" in made.said("failover"), "the new leader to be served")
            until(lambda: made.state(deaf) == "running", "both to accept")
            whole = time.monotonic()
            go_on(load)
        busy.close()
        # What comes on the connections that the edge keeps to the deaf one goes with it.
        assert len(load.failed_but(made.fault, SEEN_SECONDS)) <= AT_ONCE
        assert load.failed_but(whole, 0.0) == []
        require_nothing_lost(made, load)


def blocked(made: Site) -> str | None:
    """The worker in which a request is no longer young, as one is."""
    for name in ("app.1.0", "app.1.1"):
        if worker_status(made.agent, name)["oldest_seconds"] > 1.0:
            return name
    return None
