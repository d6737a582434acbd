"""What is told of a database that fails over by itself."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.metrics.snapshots import AT, database, snapshot

from tenfold.metrics.alerts.rules import FOR_SECONDS, WINDOW_SECONDS, Limits, signs
from tenfold.metrics.alerts.sign import Sign
from tenfold.metrics.config import Site, read_site
from tenfold.metrics.snapshot import Database, Follower, Snapshot
from tenfold.topology.observation import ObservedHost, ObservedUnit

ETCD = ("db1", "db2", "arbiter")


def found(*past: Snapshot) -> dict[str, Sign]:
    told = {sign.alert: sign for sign in signs(past, Limits())}
    assert set(told) <= set(FOR_SECONDS)
    return told


def leader(host: str, *followers: Follower, waits: bool = True) -> Database:
    return database(host=host, followers=followers, waits=waits, slots=())


def follower(host: str) -> Database:
    return database(host=host, leads=False, followers=(), slots=())


def in_sync(host: str) -> Follower:
    return Follower(host, "streaming", 0, in_sync=True)


def hosts(*without: str, state: Any = "running") -> tuple[ObservedHost, ...]:
    """Those with a member of etcd; those ``without`` say nothing."""
    return tuple(
        ObservedHost(name, "", "silent")
        if name in without
        else ObservedHost(name, "", "running", 5, units=(ObservedUnit("etcd", "etcd", state),))
        for name in ETCD
    )


def at_1k(at: float = AT, **changes: Any) -> Snapshot:
    both = (leader("db1", in_sync("db2")), follower("db2"))
    told = {"etcd": ETCD, "members": ETCD[:2], "hosts": hosts(), "databases": both}
    return snapshot(at, **{**told, **changes})


OTHER = (leader("db2", in_sync("db1")), follower("db1"))


def test_all_well_has_no_signs() -> None:
    assert found(at_1k(), at_1k(AT + 10)) == {}


def test_below_stage_1k_nobody_is_missed() -> None:
    assert found(snapshot(databases=(leader("db1"),))) == {}
    assert "nobody-leads" not in found(snapshot(databases=(Database("db1", up=False, why="no"),)))


@pytest.mark.parametrize(
    ("databases", "alert", "words"),
    [
        ((), "nobody-leads", "no database leads"),
        ((follower("db2"),), "nobody-leads", "waits, and fails after 40 s"),
        ((leader("db1", waits=False),), "commits-alone", "commits are on db1 alone"),
        ((leader("db1", Follower("db2", "catchup", 9)),), "commits-alone", "wait for another"),
    ],
)
def test_who_leads_and_for_whom_commits_wait(
    databases: tuple[Database, ...], alert: str, words: str
) -> None:
    told = found(at_1k(databases=databases))
    assert list(told) == [alert]
    assert words in told[alert].what
    assert told[alert].grave


def test_another_leader_is_told_for_as_long_as_the_window() -> None:
    told = found(at_1k(), at_1k(AT + 10, databases=()), at_1k(AT + 20, databases=OTHER))
    assert told["leader-changed"].what.startswith("db2 leads the database, in place of db1")
    assert found(at_1k(AT + WINDOW_SECONDS + 30, databases=OTHER)) == {}


def test_one_that_somebody_asked_for_is_not_told() -> None:
    ordered = at_1k(AT + 10, databases=OTHER, transition="host drain")
    assert found(at_1k(), ordered, at_1k(AT + 20, databases=OTHER)) == {}


def test_two_that_were_seen_while_they_changed_are_no_leader() -> None:
    both = at_1k(AT + 10, databases=(leader("db1", in_sync("db2")), leader("db2", in_sync("db1"))))
    assert "leader-changed" not in found(at_1k(), both)


def test_a_member_of_etcd_that_is_lost_is_told_once_and_by_how_many_are_left() -> None:
    one = found(at_1k(hosts=hosts("arbiter")))
    assert one["etcd-member"].subject == "arbiter/etcd"
    assert "2 of 3 members are left" in one["etcd-member"].what
    failed = found(at_1k(hosts=(*hosts()[:2], *hosts(state="backoff")[2:])))
    assert list(failed) == ["etcd-member"], "and not as a unit that is down"


def test_without_a_majority_of_etcd_that_is_told_instead() -> None:
    told = found(at_1k(hosts=hosts("arbiter", "db2")))
    assert "etcd-member" not in told
    assert "1 of 3 members of etcd run" in told["etcd-majority"].what


def test_hosts_that_were_taken_out_are_not_missed() -> None:
    now = at_1k(etcd=("db1", "db2"), hosts=hosts()[:2])
    assert found(now) == {}


def test_a_server_whose_agent_is_gone_may_lead_on() -> None:
    assert "nobody-leads" not in found(at_1k(hosts=hosts("db1"), databases=(follower("db2"),)))
    gone = (Database("db1", up=False, why="refused"), follower("db2"))
    assert "nobody-leads" in found(at_1k(hosts=hosts("db1"), databases=gone))


def test_which_hosts_are_to_have_etcd_comes_from_the_file_of_the_site(tmp_path: Any) -> None:
    (tmp_path / "site.json").write_text(Site(etcd=ETCD, members=("db1",)).to_json())
    assert (read_site(tmp_path).etcd, read_site(tmp_path).members) == (ETCD, ("db1",))
    (tmp_path / "site.json").write_text('{"app": "shop"}')
    assert read_site(tmp_path).etcd == ()
