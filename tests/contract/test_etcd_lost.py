"""etcd has lost its data, and who has everything is told to it before Patroni is at work again.

The steps are those of ``docs/operations/journal.md``.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from tests.support.patroni import Member, cluster
from tests.support.postgres import wait_for

from tenfold.engines.patroni.render import prefix

pytestmark = [pytest.mark.engine, pytest.mark.few(0), pytest.mark.timeout(280)]
UNTIL_ELECTED_SECONDS = 12.0
"""Left alone, a member whose commits are few is elected within 5 s (seen)."""


def rows(member: Member) -> list[int]:
    with member.connect() as session:
        return [number for (number,) in session.execute("SELECT id FROM led ORDER BY id")]


def test_who_has_everything_leads_by_what_was_written_for_it() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        first, second = found.member("db1"), found.member("db2")
        with first.connect() as session:
            session.execute("CREATE TABLE led (id int PRIMARY KEY)")
            session.execute("INSERT INTO led VALUES (1)")
            told = "SELECT system_identifier::text FROM pg_control_system()"
            (system,) = session.execute(told).fetchone() or ("",)
        second.stop()
        with first.connect() as session:
            session.execute("INSERT INTO led VALUES (2)")  # acknowledged by the leader alone
        first.stop()
        for one in found.etcd:
            one.stop()
            shutil.rmtree(Path(one.scene.place.data, "member"))
        found.start_etcd()

        begin = prefix(first.unit, first.scene)
        assert found.store().create(f"{begin}initialize", system)
        sync = {"leader": "db1", "sync_standby": None, "quorum": 0}
        assert found.store().create(f"{begin}sync", json.dumps(sync))
        second.start()  # the worst order
        until = time.monotonic() + UNTIL_ELECTED_SECONDS
        while time.monotonic() < until:
            assert found.holder() is None
            time.sleep(0.5)  # no condition: that nobody is elected for so long is what is tested
        first.start()
        assert found.wait_for_leader() is first
        assert rows(first) == [1, 2]
        found.wait_in_sync()
        wait_for(lambda: second.ask("/replica")[0] == 200, within=60, subject="db2 to follow")
        with first.connect() as session:
            session.execute("INSERT INTO led VALUES (3)")
        assert rows(first) == [1, 2, 3]
