"""A session waits for its server within a bound, whatever became of the server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest
from tests.support.postgres import Server, running

from tenfold.engines.postgresql.facts import transactions
from tenfold.engines.postgresql.login import Silent, connect, opened
from tenfold.errors import TenfoldError

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


def test_a_server_that_is_stopped_is_waited_for_no_longer_than_was_said(server: Server) -> None:
    who = server.login("superuser", database="postgres")
    with connect(who) as session:
        backend = psutil.Process(session.info.backend_pid)
        postmaster = backend.parent()
        assert postmaster is not None
        backend.suspend()
        postmaster.suspend()
        try:
            began = time.monotonic()
            with pytest.raises(Silent, match="no answer for"), session.within(0.3):
                session.execute("SELECT 1")
            assert time.monotonic() - began < 3.0
            assert session.closed
            with pytest.raises(TenfoldError, match="does not answer"):
                opened(who, within_seconds=2)
        finally:
            postmaster.resume()
            backend.resume()
    with connect(who) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_bound_is_of_all_statements_and_not_lengthened_inside(server: Server) -> None:
    with connect(server.login("superuser", database="postgres")) as session:
        began = time.monotonic()
        with session.within(1.0), session.within(60.0):
            session.execute("SELECT pg_sleep(0.4)")
            with pytest.raises(Silent):
                session.execute("SELECT pg_sleep(10)")
        assert 0.9 < time.monotonic() - began < 4.0


def test_a_statement_that_takes_its_time_is_answered(server: Server) -> None:
    with connect(server.login("superuser", database="postgres")) as session:
        with session.within(30.0):
            session.execute("SELECT pg_sleep(0.5)")
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_who_makes_others_wait_is_told(server: Server) -> None:
    who = server.login("superuser", database="postgres")
    with connect(who) as first, connect(who) as asked, connect(who) as second:
        first.execute("CREATE TABLE public.waited_for AS SELECT 'ada@example.org' AS mail")
        with first.transaction():
            first.execute("UPDATE public.waited_for SET mail = 'eve@example.org'")
            second.execute("SET lock_timeout = '3s'")
            holder = next(t for t in transactions(asked) if "UPDATE" in t.query)
            assert holder.waiting == 0
            second.pgconn.send_query(b"UPDATE public.waited_for SET mail = ''")
            deadline = time.monotonic() + 2.5
            while holder.waiting == 0:
                assert time.monotonic() < deadline, str(holder)
                holder = next(t for t in transactions(asked) if "eve" in t.query)
            said = str(holder)
            assert f"process {first.info.backend_pid}, idle in transaction, since" in said
            assert said.endswith(", 1 waits for it: UPDATE public.waited_for SET mail = ?")
        second.pgconn.finish()
        asked.execute("DROP TABLE public.waited_for")
