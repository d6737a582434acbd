"""Who leads, asked of real servers: seen at once, and silence is never taken for death."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.support.postgres import ADDRESS, Server, pair, paused, running

from tenfold.failover.asking import ANSWER_SECONDS, EVERY_SECONDS, Address, ServersAsked
from tenfold.failover.sightings import Seen
from tenfold.secret import Secret

pytestmark = [pytest.mark.engine, pytest.mark.few(2)]

LEADER, FOLLOWER = "db1/postgres", "db2/postgres"
SHARE = 0.1
"""How much of a processor the watch may take: 10 ms in each tenth of a second."""


def address(server: Server) -> Address:
    login = server.login("app")
    return Address(ADDRESS, login.port, login.user, login.password, login.database)


@asynccontextmanager
async def watching(**servers: Address) -> AsyncIterator[ServersAsked]:
    watch = ServersAsked({path.replace("_", "/"): told for path, told in servers.items()})
    try:
        yield watch
    finally:
        await watch.close()


async def until(watch: ServersAsked, condition: Callable[[Seen], bool], within: float = 20) -> Seen:
    """What is seen when the condition holds, noticed by nothing but the watch's own news."""
    deadline = time.monotonic() + within
    while not condition(watch.seen()):
        assert time.monotonic() < deadline, watch.seen()
        await watch.changed(within)
    return watch.seen()


async def test_a_change_of_leaders_from_the_kill_to_the_promotion() -> None:
    with pair() as (leader, follower):
        follower.start()
        servers = {"db1_postgres": address(leader), "db2_postgres": address(follower)}
        async with watching(**servers) as watch:
            seen = await until(
                watch, lambda s: s[LEADER].kind == "leads" and s[FOLLOWER].kind == "follows"
            )
            assert seen[LEADER].timeline == 1
            assert seen[LEADER].cluster == seen[FOLLOWER].cluster != ""
            life = seen[FOLLOWER].life

            leader.kill()
            killed = time.monotonic()
            seen = await until(watch, lambda s: s[LEADER].kind == "down")
            assert seen[LEADER].since - killed < 10 * EVERY_SECONDS

            with follower.connect("superuser", database="postgres") as session:
                session.execute("SELECT pg_promote()")
            seen = await until(watch, lambda s: s[FOLLOWER].kind == "leads")
            assert seen[FOLLOWER].timeline == 2
            assert seen[FOLLOWER].life == life, "a promotion is no new life: sessions stay"


async def test_states_of_one_server() -> None:
    with running() as server:
        async with watching(db1_postgres=address(server)) as watch:
            first = (await until(watch, lambda s: s[LEADER].kind == "leads"))[LEADER]

            with paused(server):
                seen = await until(watch, lambda s: s[LEADER].kind == "silent")
                assert seen[LEADER].since - first.since > 0.9 * ANSWER_SECONDS
            seen = await until(watch, lambda s: s[LEADER].kind == "leads")
            assert seen[LEADER].says_the_same(first), "the same life: sessions are whole"

            server.kill()
            await until(watch, lambda s: s[LEADER].kind == "down")
            await asyncio.to_thread(server.start)
            seen = await until(watch, lambda s: s[LEADER].kind == "leads")
            assert seen[LEADER].life != first.life

            with server.connect("superuser", database="postgres") as session:
                session.execute("ALTER DATABASE shop SET default_transaction_read_only = on")
                session.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'tenfold-failover'"
                )
            await until(watch, lambda s: s[LEADER].kind == "follows")


async def test_who_accepts_and_says_nothing_is_not_dead() -> None:
    """A host that hangs: its kernel takes connections, and nobody is behind them."""
    with socket.create_server((ADDRESS, 0)) as listener:
        told = Address(ADDRESS, listener.getsockname()[1], "app", Secret("x"), "shop")
        async with watching(db1_postgres=told) as watch:
            await watch.changed(2 * ANSWER_SECONDS)
            assert watch.seen()[LEADER].kind in ("unknown", "silent")


async def test_the_watch_costs_little() -> None:
    with running() as one, running() as two:
        async with watching(db1_postgres=address(one), db2_postgres=address(two)) as watch:
            await until(watch, lambda s: all(found.kind == "leads" for found in s.values()))
            began, spent = time.monotonic(), time.process_time()
            await asyncio.sleep(20 * EVERY_SECONDS)
            share = (time.process_time() - spent) / (time.monotonic() - began)
    assert share < SHARE


async def test_a_leader_whose_connections_are_used_up_is_not_silent() -> None:
    """Requests would be held for the keeper's want of a session."""
    with running() as server, server.connect("superuser", database="postgres") as admin:
        admin.autocommit = True
        role = server.login("app").user
        ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tenfold-failover'"
        async with watching(db1_postgres=address(server)) as watch:
            first = (await until(watch, lambda s: s[LEADER].kind == "leads"))[LEADER]
            admin.execute(f'ALTER ROLE "{role}" CONNECTION LIMIT 0')
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tenfold-failover'"
            )
            refused_until = time.monotonic() + 2 * ANSWER_SECONDS
            while time.monotonic() < refused_until:
                await watch.changed(EVERY_SECONDS)
                assert watch.seen()[LEADER].says_the_same(first)
            assert admin.execute(ours).fetchone() == (0,), "it had no session meanwhile"
            admin.execute(f'ALTER ROLE "{role}" CONNECTION LIMIT -1')
            deadline = time.monotonic() + 20
            while admin.execute(ours).fetchone() == (0,):
                assert time.monotonic() < deadline
                await watch.changed(EVERY_SECONDS)
