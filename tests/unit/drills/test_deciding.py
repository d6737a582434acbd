"""Which drill does what to whom, what is promised for it, and when it is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tenfold.drills.deciding import LASTS_SECONDS, decide, parse
from tenfold.drills.model import (
    Cut,
    Drill,
    FillDisk,
    Freeze,
    HostSeen,
    KillHosts,
    KillServer,
    Means,
    Situation,
    SlowDisk,
    from_json,
    to_json,
)
from tenfold.errors import Refused, UsageError

ALL = Means()
NONE = Means(why_no_cut="that takes root", why_no_throttle="that takes root")


def seen(name: str, zone: str, *, answers: bool = True) -> HostSeen:
    return HostSeen(name, zone, f"127.1.1.{len(name)}", answers)


WELL = Situation(
    hosts=(
        seen("app1", "a"), seen("db1", "a"), seen("app2", "b"), seen("db2", "b"),
        seen("arbiter", "c"),
    ),
    databases=("db1", "db2"),
    leader="db1",
    in_sync=("db2",),
    etcd={"db1": True, "db2": True, "arbiter": True},
    etcd_leader="db2",
)  # fmt: skip
AWAY = replace(WELL, leader="db2", in_sync=("db1",))


def test_the_leader_is_killed_wherever_it_is() -> None:
    assert decide(parse("kill-leader", None, None), WELL, ALL).harm == KillServer("db1")
    found = decide(parse("kill-leader", None, None), AWAY, ALL)
    assert found.harm == KillServer("db2")
    assert found.promise.leader == "changes"


def test_a_zone_falls_with_everything_in_it() -> None:
    found = decide(parse("kill-zone", "a", None), WELL, ALL)
    assert found.harm == KillHosts(("app1", "db1"))
    assert found.promise.leader == "changes"
    assert found.promise.writes_wait_seconds > WELL.lease_seconds, "nobody is left to tell"


def test_where_the_kernel_tells_that_a_leader_is_dead_nobody_waits_for_its_lease() -> None:
    found = decide(parse("kill-zone", "a", None), WELL, replace(ALL, tells_deaths=True))
    assert found.promise.leader == "changes"
    assert found.promise.writes_wait_seconds == 10.0


def test_a_zone_without_the_leader_leaves_it_where_it_is() -> None:
    found = decide(parse("kill-zone", "b", None), WELL, ALL)
    assert found.promise.leader == "stays"
    assert found.promise.writes_wait_seconds < WELL.lease_seconds
    assert decide(parse("kill-zone", "c", None), WELL, ALL).harm == KillHosts(("arbiter",))


def test_two_zones_are_cut_off_from_each_other_alone() -> None:
    found = decide(parse("partition", "a|b", None), WELL, ALL)
    assert found.harm == Cut(("app1", "db1"), ("app2", "db2"))
    assert found.level == "network"
    assert found.promise.leader == "either", "a still hears c, and so may keep the lease"


def test_the_leaders_zone_cut_off_from_all_others_loses_the_lease() -> None:
    found = decide(parse("partition", "a|b,c", None), WELL, ALL)
    assert found.harm == Cut(("app1", "db1"), ("app2", "db2", "arbiter"))
    assert found.promise.leader == "changes"
    brief = decide(parse("partition", "a|b,c", 5.0), WELL, ALL)
    assert brief.promise.leader == "either", "its lease is not over by then"


def test_a_leader_on_the_larger_side_may_stay() -> None:
    assert decide(parse("partition", "a|b,c", None), AWAY, ALL).promise.leader == "either"


def test_requests_at_the_cut_off_side_wait_for_no_longer_than_they_are_held() -> None:
    assert not decide(parse("partition", "a|b,c", None), WELL, ALL).promise.later_fail
    assert decide(parse("partition", "a|b,c", 60.0), WELL, ALL).promise.later_fail


def test_where_the_network_cannot_be_cut_a_zone_falls_silent_and_the_report_says_so() -> None:
    found = decide(parse("partition", "a|b", None), WELL, NONE)
    assert found.harm == Freeze(("app1", "db1"))
    assert found.level == "processes"
    assert "that takes root" in found.notes[0]


@pytest.mark.parametrize(("seconds", "leader"), [(5.0, "stays"), (60.0, "either")])
def test_a_paused_leader_is_left_only_after_its_lease(seconds: float, leader: str) -> None:
    found = decide(parse("pause-leader", None, seconds), WELL, ALL)
    assert found.harm == Freeze(("db1",))
    assert found.promise.leader == leader
    assert found.lasts_seconds == seconds


def test_the_follower_that_is_paused_is_one_that_commits_wait_for() -> None:
    assert decide(parse("pause-follower", None, None), WELL, ALL).harm == Freeze(("db2",))
    three = replace(WELL, databases=("db1", "db2", "db3"), in_sync=("db3",))
    assert decide(parse("pause-follower", None, None), three, ALL).harm == Freeze(("db3",))


def test_the_disk_is_the_leaders() -> None:
    slow = decide(parse("slow-disk", None, None), WELL, ALL)
    assert isinstance(slow.harm, SlowDisk)
    assert slow.harm.host == "db1"
    assert slow.promise.leader == "stays", "no failover from a slow disk alone"
    busy = decide(parse("slow-disk", None, None), WELL, NONE)
    assert busy.harm == SlowDisk("db1", None)
    assert busy.notes
    assert decide(parse("fill-disk", None, None), WELL, ALL).harm == FillDisk("db1")


def test_a_disk_that_others_need_is_not_filled() -> None:
    shared = Means(why_no_fill="it is on the same file system as /")
    with pytest.raises(Refused, match="the disk of db1 is not filled: it is on the same"):
        decide(parse("fill-disk", None, None), WELL, shared, anyway=True)


def test_of_etcd_as_many_fall_silent_as_may_its_own_leader_first() -> None:
    found = decide(parse("etcd-minority", None, None), WELL, ALL)
    assert found.harm == Freeze(("db2",), unit="etcd")
    five = replace(WELL, etcd={f"e{n}": True for n in range(5)}, etcd_leader="e3")
    assert decide(parse("etcd-minority", None, None), five, ALL).harm == Freeze(
        ("e3", "e0"), unit="etcd"
    )


@pytest.mark.parametrize("kind", ["kill-leader", "pause-leader", "fill-disk"])
def test_nobody_takes_the_only_one_with_every_write(kind: Any) -> None:
    alone = replace(WELL, in_sync=())
    with pytest.raises(Refused, match="no database but db1 has every acknowledged write"):
        decide(parse(kind, None, None), alone, ALL)
    assert decide(parse(kind, None, None), alone, ALL, anyway=True)


def test_a_zone_with_the_only_one_with_every_write_is_spared() -> None:
    with pytest.raises(Refused, match="every acknowledged write"):
        decide(parse("kill-zone", "a", None), replace(WELL, in_sync=()), ALL)
    assert decide(parse("kill-zone", "b", None), replace(WELL, in_sync=()), ALL)


@pytest.mark.parametrize("drill", [parse("kill-zone", "b", None), parse("etcd-minority", None, 5)])
def test_etcd_keeps_its_majority(drill: Drill) -> None:
    weak = replace(WELL, etcd={"db1": True, "db2": True, "arbiter": False})
    with pytest.raises(Refused, match="1 of 3 members of etcd would be left"):
        decide(drill, weak, ALL)


def test_it_begins_with_all_well() -> None:
    hosts = (*WELL.hosts[:-1], seen("arbiter", "c", answers=False))
    with pytest.raises(Refused, match="arbiter does not answer already"):
        decide(parse("kill-leader", None, None), replace(WELL, hosts=hosts), ALL)
    with pytest.raises(Refused, match="no database leads just now"):
        decide(parse("kill-leader", None, None), replace(WELL, leader=None), ALL, anyway=True)


@pytest.mark.parametrize(
    ("kind", "zones", "says"),
    [
        ("kill-leader", "a", "kill-leader takes no zone"),
        ("kill-zone", None, "wants a zone"),
        ("kill-zone", "a,b", "one zone at a time"),
        ("kill-zone", "a|b", "wants a zone"),
        ("partition", None, "wants two sides"),
        ("partition", "a", "wants two sides"),
        ("partition", "a|", "wants two sides"),
        ("partition", "a|b|c", "wants two sides"),
    ],
)
def test_what_is_typed_wrong_is_told(kind: Any, zones: str | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse(kind, zones, None)


def test_zones_are_those_that_there_are_and_no_zone_is_on_both_sides() -> None:
    with pytest.raises(UsageError, match="no zone d") as refused:
        decide(parse("kill-zone", "d", None), WELL, ALL)
    assert refused.value.next == "the zones are a, b, c"
    with pytest.raises(UsageError, match="cut off from itself"):
        decide(parse("partition", "a|a,b", None), WELL, ALL)


def test_what_is_killed_comes_back_by_itself_and_lasts_for_no_time() -> None:
    with pytest.raises(UsageError, match="comes back by itself"):
        parse("kill-leader", None, 5.0)
    assert decide(parse("kill-leader", None, None), WELL, ALL).lasts_seconds is None


def test_a_drill_is_named_as_it_is_typed() -> None:
    assert parse("partition", " a | b, c", None).name == "partition a|b,c"
    assert parse("slow-disk", None, None).name == "slow-disk"


@pytest.mark.parametrize(
    "harm",
    [
        KillServer("db1"),
        KillHosts(("app1", "db1")),
        Freeze(("db1",)),
        Freeze(("db1",), "etcd"),
        Cut(("db1",), ("db2", "arbiter")),
        SlowDisk("db1", None),
        FillDisk("db1"),
    ],
)
def test_a_harm_is_the_same_after_json(harm: Any) -> None:
    assert from_json(to_json(harm)) == harm
    assert harm.sentence()


@pytest.mark.parametrize("data", [{}, {"harm": "Flood"}, {"harm": "Cut", "one": []}])
def test_what_is_no_harm_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="it is no harm"):
        from_json(data)


def test_whatever_stays_broken_for_a_time_has_one() -> None:
    assert all(5 <= seconds <= 60 for seconds in LASTS_SECONDS.values())


def test_a_host_that_was_taken_out_is_brought_back_by_its_own_command() -> None:
    out = {"db2": "tenfold host replace db2"}
    hosts = tuple(replace(h, answers=h.name != "db2") for h in WELL.hosts)
    drained = replace(WELL, hosts=hosts, brings_back=out)
    with pytest.raises(Refused, match="db2 is drained") as caught:
        decide(parse("kill-leader", None, None), drained, ALL)
    told = caught.value.next or ""
    assert told.startswith("tenfold host replace db2    brings it back")
    assert "tenfold up" not in told
    assert decide(parse("kill-leader", None, None), drained, ALL, anyway=True).harm
