"""Status at several zones: a line for each, true also of what does not answer."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.cli import edges, zones
from tenfold.deployment.applied import FACT, Applied
from tenfold.deployment.status import Status


def unit(name: str, state: str = "running", **more: Any) -> dict[str, Any]:
    return {"name": name, "engine": name, "state": state, "pid": 7, "endpoint": None, **more}


def host(name: str, zone: str, *units: dict[str, Any], agent: str = "running") -> dict[str, Any]:
    return {"name": name, "zone": zone, "units": [unit("agent", agent), *units]}


def front(number: int, zone: str) -> dict[str, Any]:
    names = ("database", "failover", "edge", "app.3.1", "app.3.2")
    return host(f"app{number}", zone, *map(unit, names))


def member(name: str, *, leads: bool = False, **more: Any) -> dict[str, Any]:
    told = {"host": name, "leads": leads, "in_sync": not leads, "state": "running"}
    return {**told, "behind_bytes": None if leads else 0, **more}


def site(**changes: Any) -> Status:
    hosts = {
        "app1": front(1, "a"),
        "app2": front(2, "b"),
        "arbiter": host("arbiter", "c", unit("etcd")),
        "db1": host("db1", "a", unit("etcd"), unit("postgres")),
        "db2": host("db2", "b", unit("etcd"), unit("postgres")),
    }
    failover = {
        "leader": "db1",
        "in_sync": ["db2"],
        "databases": [member("db1", leads=True), member("db2")],
        "etcd": {"db1": True, "db2": True, "arbiter": True},
        **changes.pop("failover", {}),
    }
    hosts.update(changes)
    return Status("shop", "1k", "running", None, "4f", tuple(hosts.values()), None,
                  failover=failover)  # fmt: skip


def test_each_zone_has_a_line_with_who_leads_and_what_the_others_lack() -> None:
    assert zones.several(site())
    assert zones.rows(site()) == [
        ("zone a", "app1", "edge ●", "app ●●", "", "db1", "postgres ● leads", "etcd ●"),
        ("zone b", "app2", "edge ●", "app ●●", "", "db2", "postgres ● in sync, 0 B behind",
         "etcd ●"),
        ("zone c", "", "", "", "", "arbiter", "", "etcd ●"),
    ]  # fmt: skip
    assert zones.troubles(site()) == []


def test_what_is_there_once_is_shown_where_it_is() -> None:
    once = front(1, "a")
    once["units"] += [unit("redis"), unit("mailer.2.1")]
    assert zones.rows(site(app1=once))[0][4] == "redis ●  mailer ●"


def test_a_host_that_says_nothing_is_told_by_its_name() -> None:
    found = site(
        db2=host("db2", "b", agent="silent"),
        failover={
            "databases": [member("db1", leads=True), member("db2", state="stopped", in_sync=False)],
            "etcd": {"db1": True, "db2": False, "arbiter": True},
        },
    )
    row = zones.rows(found)[1]
    assert row[5:] == ("db2 ○ silent", "postgres ○ stopped", "etcd ○")


def test_an_app_host_that_says_nothing_stays_in_its_column() -> None:
    row = zones.rows(site(app2=host("app2", "b", agent="silent")))[1]
    assert row[:4] == ("zone b", "app2 ○ silent", "", "")
    assert row[5] == "db2"


def test_a_member_of_etcd_that_runs_and_does_not_agree_is_not_shown_as_well() -> None:
    found = site(failover={"etcd": {"db1": True, "db2": True, "arbiter": False}})
    assert zones.rows(found)[2][-1] == "etcd ○"


def test_a_follower_that_is_not_in_sync_is_told_with_what_it_lacks() -> None:
    behind = member("db2", in_sync=False, behind_bytes=16384)
    found = site(failover={"databases": [member("db1", leads=True), behind]})
    assert zones.rows(found)[1][6] == "postgres ● not in sync, 16.4 kB behind"


def test_nobody_knows_who_leads() -> None:
    found = site(failover={"databases": [], "leader": None, "etcd": {}})
    assert [row[6] for row in zones.rows(found)] == ["postgres ●", "postgres ●", ""]


def test_a_unit_that_crashes_is_told_below_with_the_reason() -> None:
    bad = front(1, "a")
    bad["units"][3] = unit("edge", "backoff", restarts=3, reason="exit 1")
    told = zones.troubles(site(app1=bad))
    assert told == [("app1/edge", "○ backoff", "restarted 3 x  exit 1")]


def test_one_zone_is_none_to_show() -> None:
    alone = Status("shop", "100", "running", None, "4f", (front(1, "a"),), None)
    assert not zones.several(alone)


class Remembering:
    """A deployment of which only what was applied last is asked."""

    def __init__(self, *urls: str) -> None:
        self.urls = {f"app{n}/edge": url for n, url in enumerate(urls, 1)}

    def facts(self) -> dict[str, Any]:
        applied = Applied("shop", "1k", self.urls["app1/edge"], urls=self.urls)
        return {FACT: applied.to_json()}


@pytest.mark.parametrize(
    ("urls", "found"),
    [
        (("http://192.0.2.1:80", "http://192.0.2.2:80"), ("192.0.2.1", "192.0.2.2")),
        (("https://192.0.2.1:443", "https://[2001:db8::2]:443"), ("192.0.2.1", "2001:db8::2")),
        (("http://127.0.0.1:8000", "http://127.0.0.1:8001"), ("127.0.0.1",)),
        (("http://127.0.0.1:8000",), ()),
        (("http://0.0.0.0:8000", "http://192.0.2.2:8000"), ()),
        (("http://shop.example", "http://192.0.2.2"), ()),
    ],
)
def test_the_name_leads_to_every_edge(urls: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert edges.addresses(Remembering(*urls)) == found  # type: ignore[arg-type]
