"""What the leash asks of etcd, of a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.etcd import running

from tenfold.leash.etcd import Etcd, Unreachable

pytestmark = pytest.mark.engine

PREFIX = "/tenfold/shop/main/"
KEY = f"{PREFIX}leader"


@pytest.fixture(scope="module")
def store() -> Iterator[Etcd]:
    with running() as cluster:
        yield Etcd(tuple(cluster.urls), None)


@pytest.fixture(autouse=True)
def empty(store: Etcd) -> None:
    store._ask("kv/deleterange", {"key": "AA==", "range_end": "AA=="})


def test_a_key_is_taken_away_from_its_member_alone(store: Etcd) -> None:
    assert store.leader(KEY) is None
    assert store.create(KEY, "db1")
    assert not store.create(KEY, "db2")
    assert not store.take_away(KEY, "db2")
    found = store.leader(KEY)
    assert found is not None
    assert found.member == "db1"
    assert store.take_away(KEY, "db1")
    assert not store.take_away(KEY, "db1")


def test_an_order_that_arrives_late_finds_another_key(
    store: Etcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    ask = Etcd._ask

    def noted(self: Etcd, what: str, order: dict[str, Any]) -> dict[str, Any]:
        asked.append((what, order))
        return ask(self, what, order)

    monkeypatch.setattr(Etcd, "_ask", noted)
    assert store.create(KEY, "db1")
    assert store.take_away(KEY, "db1")
    late = [order for order in asked if order[0] == "kv/txn"][-1]
    assert store.create(KEY, "db1")  # it has started again, and leads again
    store._ask(*late)
    found = store.leader(KEY)
    assert found is not None
    assert found.member == "db1"


def test_whoever_has_every_commit_may_succeed(store: Etcd) -> None:
    store.create(f"{PREFIX}sync", json.dumps({"leader": "db1", "sync_standby": "db2,db3"}))
    store.create(f"{PREFIX}members/db2", "{}")
    assert store.has_successor(PREFIX, "db1")


def test_nobody_may_who_has_not(store: Etcd) -> None:
    store.create(f"{PREFIX}sync", json.dumps({"leader": "db1", "sync_standby": None}))
    store.create(f"{PREFIX}members/db2", "{}")
    assert not store.has_successor(PREFIX, "db1")


def test_anybody_may_where_commits_wait_for_nobody(store: Etcd) -> None:
    store.create(f"{PREFIX}members/db1", "{}")
    assert not store.has_successor(PREFIX, "db1")
    store.create(f"{PREFIX}members/db2", "{}")
    assert store.has_successor(PREFIX, "db1")


def test_a_member_steps_down_when_it_was_ordered_to(store: Etcd) -> None:
    assert not store.is_to_step_down(PREFIX, "db1")
    store.create(f"{PREFIX}failover", json.dumps({"leader": "db1", "member": "db2"}))
    assert store.is_to_step_down(PREFIX, "db1")
    assert not store.is_to_step_down(PREFIX, "db2")


def test_an_order_for_later_is_none_yet(store: Etcd) -> None:
    later = {"leader": "db1", "member": "db2", "scheduled_at": "2099-01-01T00:00:00+00:00"}
    store.create(f"{PREFIX}failover", json.dumps(later))
    assert not store.is_to_step_down(PREFIX, "db1")


def test_silence_is_no_answer() -> None:
    with pytest.raises(Unreachable):
        Etcd(("http://127.0.0.1:1",), None).leader(KEY)
