from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.metrics.snapshots import AT, database, histogram, snapshot, units

from tenfold.metrics.alerts.rules import FOR_SECONDS, Limits, signs
from tenfold.metrics.alerts.sign import Sign
from tenfold.metrics.snapshot import (
    Backup,
    Certificate,
    Database,
    Edge,
    Job,
    Machine,
    Slot,
    Snapshot,
)
from tenfold.topology.observation import ObservedHost, ObservedUnit

LIMITS = Limits()
GIB = 1 << 30


def found(*past: Snapshot, limits: Limits = LIMITS) -> dict[str, Sign]:
    return {sign.alert: sign for sign in signs(past, limits)}


def host(*more: ObservedUnit, agent: Any = "running", **states: Any) -> tuple[ObservedHost, ...]:
    return (ObservedHost("vm1", "127.0.0.2", agent, 5, units=(*units(**states), *more)),)


def disk(free_percent: float) -> Machine:
    return Machine({}, GIB, GIB, 100 * GIB, round(free_percent * GIB))


def edge(good: int, bad: int) -> Edge:
    return Edge({"2xx": good, "5xx": bad}, histogram(good + bad))


def test_a_site_that_is_well_has_no_signs() -> None:
    assert found(snapshot(), snapshot(AT + 10)) == {}
    assert signs((), LIMITS) == ()


@pytest.mark.parametrize(
    ("changes", "alert", "words"),
    [
        ({"hosts": host(edge="backoff")}, "unit-down", "edge on vm1 does not run"),
        ({"hosts": host(mail="failed")}, "unit-down", "mail on vm1 does not run"),
        ({"hosts": host(agent="silent")}, "agent-silent", "the agent of vm1 does not answer"),
        ({"machine": disk(5)}, "disk", "5.37 GB (5 %) are free"),
        ({"certificate": Certificate(AT + 86_400 * 3, 4)}, "certificate", "ends in 3.0 days"),
        ({"certificate": Certificate(AT - 1)}, "certificate", "has ended"),
        ({"databases": (Database("db1", up=False, why="no\nroom"),)}, "database-down", "in: no"),
        ({"databases": (database(connections={"idle": 95}),)}, "connections", "95 of 100"),
        (
            {"databases": (database(archives=True, archive_failed_at=AT, archived_at=AT - 300),)},
            "archive",
            "for 5 min",
        ),
        ({"backups": (Backup("db1", True, AT - 700, AT),)}, "archive", "is 12 min ago"),
        (
            {"backups": (Backup("db1", True, AT, AT, 9, "it is full", AT - 300),)},
            "archive",
            "for 5 min nothing arrives in the archive of the database: it is full",
        ),
        (
            {"backups": (Backup("db1", True, AT, AT, check_fault="a table is short"),)},
            "backup",
            "the last trial of a backup failed: a table is short",
        ),
        (
            {"jobs": (Job("vm1", "nightly", 2, "failed", 3),)},
            "job",
            "the last run of the job nightly failed (exit code 3), 2 times in a row",
        ),
        (
            {"jobs": (Job("vm1", "a", 1, "cut off"),)},
            "job",
            "the last run of the job a was cut off",
        ),
        (
            {"databases": (database(slots=(Slot("t", True, 90, "extended", 10),)),)},
            "slot",
            "90 B of log are kept for slot t, and 10 B more",
        ),
        (
            {"databases": (database(slots=(Slot("t", False, 0, "lost"),)),)},
            "slot",
            "has lost its way",
        ),
    ],
)
def test_what_is_wrong_is_grave_and_says_where_and_what_next(
    changes: dict[str, Any], alert: str, words: str
) -> None:
    signs = found(snapshot(**changes))
    assert list(signs) == [alert]
    assert signs[alert].grave
    assert words in signs[alert].what
    assert signs[alert].next
    assert alert in FOR_SECONDS


@pytest.mark.parametrize(
    ("changes", "alert"),
    [
        ({"machine": disk(11)}, "disk"),
        ({"certificate": Certificate(AT + 86_400 * 7.5)}, "certificate"),
        ({"databases": (database(connections={"idle": 85}),)}, "connections"),
        ({"databases": (database(slots=(Slot("t", True, 70, "extended", 30),)),)}, "slot"),
        (
            {"databases": (database(archives=True, archive_failed_at=AT, archived_at=AT - 60),)},
            "archive",
        ),
    ],
)
def test_what_is_between_raises_nothing_and_keeps_what_was_raised(
    changes: dict[str, Any], alert: str
) -> None:
    signs = found(snapshot(**changes))
    assert not signs[alert].grave


def test_jobs_that_went_well_raise_nothing() -> None:
    assert found(snapshot(jobs=(Job("vm1", "nightly", 0, "done", 0, AT),))) == {}


def test_only_backups_of_the_database_that_leads_count() -> None:
    assert found(snapshot(backups=(Backup("vm1", False, AT - 9999, copy_fault="no"),))) == {}


@pytest.mark.parametrize(
    ("good", "bad", "grave"),
    [(0, 4, None), (95, 5, True), (950, 30, False), (990, 10, None), (0, 100, True)],
)
def test_errors_are_a_share_of_the_last_minute_and_more_than_a_handful(
    good: int, bad: int, grave: bool | None
) -> None:
    before = snapshot(edge=edge(1000, 1000))
    now = snapshot(AT + 60, edge=edge(1000 + good, 1000 + bad))
    sign = found(before, now).get("errors")
    assert (sign.grave if sign else None) is grave


def test_errors_of_before_the_last_minute_do_not_count() -> None:
    past = (
        snapshot(edge=edge(0, 0)),
        snapshot(AT + 100, edge=edge(0, 500)),
        snapshot(AT + 160, edge=edge(100, 500)),
    )
    assert "errors" not in found(*past)


def crashed(restarts: int, at: float) -> Snapshot:
    unit = ObservedUnit("mail.1.1", "worker", "running", pool="mail", restarts=restarts)
    return replace(snapshot(at), hosts=host(unit))


def test_crashes_in_a_row_are_a_loop_also_while_it_runs() -> None:
    assert "crash-loop" not in found(crashed(7, AT), crashed(7, AT + 100))
    assert not found(crashed(0, AT), crashed(1, AT + 100))["crash-loop"].grave
    loop = found(crashed(0, AT), crashed(4, AT + 120))["crash-loop"]
    assert loop.grave
    assert loop.what == "mail on vm1 crashed 4 times in 2 min"


def test_new_workers_begin_their_count_anew() -> None:
    assert "crash-loop" not in found(crashed(50, AT), crashed(0, AT + 100))


def test_some_of_a_pool_are_told_as_such() -> None:
    members = [
        ObservedUnit(f"mail.1.{n}", "worker", state, pool="mail", reason="was ended by SIGKILL")
        for n, state in ((1, "running"), (2, "backoff"))
    ]
    sign = found(snapshot(hosts=host(*members)))["unit-down"]  # type: ignore[arg-type]
    assert sign.what == "1 of 2 processes of mail on vm1 does not run: was ended by SIGKILL"


def test_the_file_says_from_when_on() -> None:
    assert found(snapshot(machine=disk(15)), limits=Limits(disk_free_percent=20))["disk"].grave
    assert "disk" not in found(snapshot(machine=disk(9)), limits=Limits(disk_free_percent=1))
