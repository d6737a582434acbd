"""The file does not change zones under a site that is in them."""

from __future__ import annotations

from tests.unit.stages.test_stage_1k import PLAIN, made

from tenfold.deployment.zoned import changed
from tenfold.stages.stage_1k import Zones

NOW = made(PLAIN)
WAS = {host.name: host.zone for host in NOW.hosts}
MEMBERS = frozenset(member.path for member in NOW.members())


def test_the_same_zones_are_no_change() -> None:
    assert changed(WAS, MEMBERS, NOW) == ()


def test_another_name_of_a_zone_is_told_by_its_hosts() -> None:
    told = changed(WAS, MEMBERS, made(PLAIN, Zones(("a", "west", "c"))))
    assert told == ("db2 is in zone b, not west", "app2 is in zone b, not west")


def test_a_third_database_would_take_the_arbiters_place_in_etcd() -> None:
    assert changed(WAS, MEMBERS, made(PLAIN, Zones(databases=3))) == (
        "etcd is on arbiter, db1, db2, not db1, db2, db3",
    )
