"""A follower that holds the same is said to; one that does not, is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from tests.support.postgres import Server, installations, pair, running, wait_for

from tenfold.engines.postgresql import replication, switch
from tenfold.engines.postgresql.binaries import Binaries
from tenfold.engines.postgresql.peers import slot_name
from tenfold.engines.postgresql.verify import Report, verify
from tenfold.errors import TenfoldError
from tenfold.topology.settings import DatabaseSettings

pytestmark = [pytest.mark.engine, pytest.mark.few(2)]

SCHEMA = """
CREATE TABLE author (id serial PRIMARY KEY, name text UNIQUE);
CREATE TABLE note (id bigserial PRIMARY KEY, author int REFERENCES author, text text);
CREATE TABLE visit (day date, n int) PARTITION BY RANGE (day);
CREATE TABLE visit_2026 PARTITION OF visit FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM author;
INSERT INTO author (name) SELECT 'author ' || n FROM generate_series(1, 500) n;
INSERT INTO note (author, text) SELECT n, (
    SELECT string_agg(md5((n * m)::text), '') FROM generate_series(1, 300) m
) FROM generate_series(1, 100) n;
INSERT INTO visit SELECT '2026-11-25', n FROM generate_series(1, 50000) n;
"""


def compared(leader: Server, follower: Server, within_seconds: float = 60) -> Report:
    return verify(
        leader.login("superuser", database="postgres"),
        follower.login("superuser", database="postgres"),
        within_seconds=within_seconds,
    )


def follow(leader: Server, follower: Server) -> None:
    follower.start()
    with leader.connect("superuser") as here, follower.connect("superuser") as there:

        def caught_up() -> bool:
            name = slot_name(follower.settings)
            state = replication.follower_state(here, there, name)
            return state.streaming and state.behind_bytes == 0

        wait_for(caught_up, within=30, subject="a follower")


@contextmanager
def followed(binaries: Binaries | None = None) -> Iterator[tuple[Server, Server]]:
    settings = DatabaseSettings("shop", major=binaries.major) if binaries else None
    with pair(settings, binaries) as (leader, follower):
        with leader.connect("app") as app:
            app.execute(SCHEMA.encode())
        follow(leader, follower)
        yield leader, follower


def stop_with_everything_on_disk(leader: Server, follower: Server) -> None:
    """So that nothing is replayed afterwards, which would mend what is broken meanwhile.

    Frozen, because whoever reads a page for the first time may write to it: who committed.
    """
    with leader.connect("superuser") as here, follower.connect("superuser") as there:
        here.execute("VACUUM FREEZE")
        switch.checkpoint(here)
        switch.wait_until_replayed(there, switch.flushed(here), within_seconds=30)
        switch.checkpoint(there)
    follower.stop()


def file_of(server: Server, table: str) -> Path:
    with server.connect("superuser") as superuser:
        row = superuser.execute("SELECT pg_relation_filepath(%s)", [table]).fetchone()
    assert row is not None
    return server.data / str(row[0])


@pytest.mark.parametrize("binaries", installations(), ids=lambda b: f"{b.source}-{b.major}")
def test_a_follower_that_follows_holds_the_same(binaries: Binaries) -> None:
    with followed(binaries) as (leader, follower):
        report = compared(leader, follower)
        assert report.differences == ()
        assert report.not_read == ()
        assert report.tables > 100
        assert report.rows > 50_600
        assert report.bytes > 5_000_000


def test_tables_that_are_written_to_meanwhile_are_no_difference() -> None:
    with followed() as (leader, follower):
        done = threading.Event()

        def write() -> None:
            with leader.connect("app") as app:
                number = 0
                while not done.is_set():
                    number += 1
                    app.execute("INSERT INTO visit VALUES ('2026-11-25', %s)", [number])
                    app.execute("UPDATE author SET name = name WHERE id = %s", [number % 500])
                    app.execute("DELETE FROM visit WHERE n = %s", [number - 1])

        writers = [threading.Thread(target=write) for _ in range(2)]
        for writer in writers:
            writer.start()
        try:
            reports = [compared(leader, follower) for _ in range(3)]
        finally:
            done.set()
            for writer in writers:
                writer.join(30)
        assert [r.differences for r in reports] == [(), (), ()]
        changing = {name for report in reports for name in report.changing}
        assert changing <= {n for n in changing if "visit_2026" in n or "pg_" in n}


def test_another_cluster_is_told_apart() -> None:
    with running() as one, running() as other:
        report = compared(one, other)
        assert not report.same
        assert "different clusters" in report.differences[0]
        assert report.tables == 0


def test_a_follower_that_became_a_leader_of_its_own_is_told() -> None:
    with followed() as (leader, follower):
        (follower.data / "standby.signal").unlink()
        follower.stop()
        follower.start()
        assert compared(leader, follower).differences == (
            "the follower leads: it accepts writes of its own",
        )


def test_a_follower_that_lost_its_leader_is_told() -> None:
    with followed() as (leader, follower):
        with leader.connect("superuser") as superuser:
            follower.stop()
            replication.drop_slot(superuser, slot_name(follower.settings))
            follower.start()
            wait_for(lambda: "does not exist" in follower.log, within=30, subject="its complaint")
            report = compared(leader, follower)
        assert "the follower does not reach whom it follows" in report.differences


def test_a_damaged_page_is_found() -> None:
    with followed() as (leader, follower):
        damaged = file_of(follower, "visit_2026")
        stop_with_everything_on_disk(leader, follower)
        with damaged.open("r+b") as file:
            file.seek(8192 * 3 + 4000)
            file.write(b"\xff" * 16)
        follow(leader, follower)
        report = compared(leader, follower)
        assert any("shop: public.visit_2026: invalid page" in d for d in report.differences)
        assert any("wrong checksum" in d for d in report.differences)


def test_a_damaged_page_beside_a_table_is_found() -> None:
    """Long values lie in a table of their own."""
    with followed() as (leader, follower):
        with follower.connect("superuser") as superuser:
            row = superuser.execute(
                "SELECT reltoastrelid::regclass::text FROM pg_class WHERE relname = 'note'"
            ).fetchone()
            assert row is not None
        damaged = file_of(follower, str(row[0]))
        stop_with_everything_on_disk(leader, follower)
        with damaged.open("r+b") as file:
            file.seek(4000)
            file.write(b"\xff" * 16)
        follow(leader, follower)
        assert any("pg_toast" in d for d in compared(leader, follower).differences)


def test_missing_rows_are_found_although_every_page_is_whole() -> None:
    with followed() as (leader, follower):
        cut = file_of(follower, "visit_2026")
        stop_with_everything_on_disk(leader, follower)
        with cut.open("r+b") as file:
            file.truncate(8192 * 5)
        follow(leader, follower)
        (difference,) = compared(leader, follower).differences
        assert "shop: public.visit_2026" in difference
        assert "50000" in difference


def test_what_there_is_no_time_for_is_reported_as_not_read() -> None:
    with followed() as (leader, follower):
        report = compared(leader, follower, within_seconds=0)
        assert report.same
        assert report.tables == 0
        assert "shop: public.note" in report.not_read


def test_tables_that_come_and_go_meanwhile_are_no_difference() -> None:
    with followed() as (leader, follower):
        done = threading.Event()

        def churn() -> None:
            with leader.connect("app") as app:
                while not done.is_set():
                    app.execute("CREATE TABLE brief AS SELECT 1 AS n")
                    app.execute("DROP TABLE brief")

        churner = threading.Thread(target=churn)
        churner.start()
        try:
            report = compared(leader, follower)
        finally:
            done.set()
            churner.join(30)
        assert [d for d in report.differences if "has other" not in d] == []


def test_a_server_that_breaks_off_is_an_error_and_no_difference() -> None:
    with followed() as (leader, follower):
        follower.kill()
        with pytest.raises(TenfoldError), suppress(psycopg.InterfaceError):
            compared(leader, follower)
