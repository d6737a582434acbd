"""How a database that fails over by itself stands, in sentences."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from tenfold.cli.status import failover_line
from tenfold.deployment.clustered import Standing, full_hosts
from tenfold.deployment.status import fails_over, never_up
from tenfold.topology.observation import Observation, ObservedHost


def test_all_well_says_nothing() -> None:
    assert Standing("db1", ("db2",), 3, 3).troubles == ()
    assert Standing("db2", ("db1",), 2, 3).troubles == (), "an election is still possible"


def test_a_leader_whom_nobody_could_replace_is_told() -> None:
    (alone, away) = Standing("db1", (), 3, 3, ("db2",)).troubles
    assert "db1 acknowledges alone" in alone
    assert "the database of db2 does not follow" in away


@pytest.mark.parametrize(
    ("in_sync", "stops", "rule"),
    [
        (("db2",), False, "commits wait for db2; alone if it is lost"),
        (("db2",), True, "commits wait for db2; none is acknowledged if it is lost"),
        (("db2", "db3"), False, "for db2 or db3, whichever is quicker; alone if all are lost"),
        ((), False, "commits wait for nobody"),
        ((), True, "commits wait until another database has all"),
    ],
)
def test_the_rule_by_which_commits_wait_is_told(
    in_sync: tuple[str, ...], stops: bool, rule: str
) -> None:
    assert rule in Standing("db1", in_sync, 3, 3, stops=stops).rule


@pytest.mark.parametrize(
    ("in_sync", "waits", "rule"),
    [
        (("db2",), True, "commits wait for db2; none is acknowledged if it is lost, until etcd"),
        (("db2", "db3"), True, "whichever is quicker; none is acknowledged if one of them is lost"),
        ((), True, "commits wait for a database that does not follow, until etcd answers again"),
        ((), False, "commits wait for nobody"),
    ],
)
@pytest.mark.parametrize("stops", [False, True])
def test_without_etcd_the_rule_is_the_one_that_the_leader_goes_by(
    in_sync: tuple[str, ...], waits: bool, stops: bool, rule: str
) -> None:
    now = Standing("db1", in_sync, 0, 3, stops=stops, told_by="leader", waits=waits)
    assert rule in now.rule


def test_where_nobody_can_say_whom_commits_wait_for_that_is_told() -> None:
    now = Standing("db1", (), 0, 3, told_by="nobody")
    assert "is not known" in now.rule
    assert "nobody can say who is in sync" in failover_line(asdict(now))[0]
    (told,) = now.troubles
    assert "etcd has no majority" in told
    assert not any("alone" in t for t in replace(now, etcd_agree=3).troubles)


def test_where_writes_stop_that_is_told_and_not_that_they_go_on_alone() -> None:
    (told,) = Standing("db1", (), 3, 3, stops=True).troubles
    assert "db1 takes no writes" in told


def test_a_full_disk_is_named() -> None:
    (told,) = Standing("db1", ("db2",), 3, 3, full=("db1",)).troubles
    assert "the disk of db1 is full" in told


def test_the_disk_of_every_host_is_looked_at() -> None:
    """An app's host whose disk is full follows no other leader."""
    now = Observation(
        hosts=(
            ObservedHost("app1", "", "running", free_bytes=0),
            ObservedHost("app2", "", "silent"),
            ObservedHost("db1", "", "running", free_bytes=1 << 40),
            ObservedHost("arbiter", "", "running", free_bytes=1 << 20),
        )
    )
    assert full_hosts(now) == ("app1", "arbiter")


def test_without_a_leader_requests_wait() -> None:
    (told,) = Standing(None, (), 3, 3).troubles
    assert "no database leads" in told


def test_without_a_majority_of_etcd_the_leader_goes_on() -> None:
    (told,) = Standing("db1", (), 0, 3).troubles
    assert "etcd has no majority, 0 of 3 agree" in told
    assert "goes on" in told


def test_a_member_of_etcd_that_lost_its_data_is_told_with_what_to_do() -> None:
    (told,) = Standing("db1", ("db2",), 2, 3, lost_etcd=("arbiter",)).troubles
    assert "etcd of arbiter has lost its data" in told
    assert "tenfold host replace arbiter" in told


@pytest.mark.parametrize(
    ("engines", "settled", "expected"),
    [
        (("patroni", "patroni"), True, True),
        (("patroni", "postgresql"), False, True),  # cut off between the leader and who follows
        (("postgresql", "postgresql"), False, False),
        (("postgresql", "postgresql"), True, False),  # on the way back, with all released
        (("patroni", "postgresql"), True, True),
        ((), True, True),  # their hosts say nothing
        ((), False, False),
    ],
)
def test_whether_it_fails_over_is_told_by_what_runs(
    engines: tuple[str, ...], settled: bool, expected: bool
) -> None:
    units = [{"name": "postgres", "engine": engine} for engine in engines]
    hosts = tuple({"name": f"db{n}", "units": [unit]} for n, unit in enumerate(units))
    other = {"name": "app1", "units": [{"name": "edge", "engine": "nginx"}]}
    found = replace(never_up("shop"), hosts=(*hosts, other))
    assert fails_over(found, settled=settled) is expected
