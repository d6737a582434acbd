"""Each check finds what it is for, and nothing in a server where all is well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tenfold.engines.postgresql.checks import Finding, checks, disk
from tenfold.engines.postgresql.conf import limits
from tenfold.engines.postgresql.disk import Installation
from tenfold.engines.postgresql.facts import Facts, Transaction
from tenfold.engines.postgresql.replication import Slot
from tenfold.engines.postgresql.sizing import GIB, MIB, sizing

WELL = Facts(
    version="18.6",
    settings={
        "wal_level": "logical",
        "data_checksums": "on",
        "max_replication_slots": "16",
        "max_connections": "100",
        "max_worker_processes": "16",
        "max_wal_senders": "16",
        "max_prepared_transactions": "0",
        "max_locks_per_transaction": "64",
        "max_wal_size": "1024",
    },
    senders=1,
    slots=(),
    prepared=(),
    transactions=(Transaction("tenfold_app in shop", 0.2),),
    unlogged=(),
    libraries={"pg_stat_statements": "shared_preload_libraries", "citext": "database shop"},
    tablespaces=(),
    publications=(),
    subscriptions=(),
    data_bytes=3 * GIB,
    log_bytes=200 * MIB,
)
THERE = Installation("18.6", frozenset({"pg_stat_statements", "citext", "plpgsql"}), 100 * GIB)
LIMITS = limits(sizing(1 << 30, 2))
OURS = Slot("tenfold_2", "physical", False, True, "0/1", "reserved", 0, 1)


def asked(
    facts: Facts = WELL, other: Installation = THERE, *, copied: bool = False
) -> dict[str, Finding]:
    found = checks(facts, other, LIMITS, slot="tenfold_2", copied=copied)
    by_name = {finding.name: finding for finding in found}
    assert len(by_name) == len(found)
    return by_name


def setting(**values: str) -> Facts:
    return replace(WELL, settings={**WELL.settings, **values})


def slots(count: int) -> tuple[Slot, ...]:
    return tuple(replace(OURS, name=f"other_{number}") for number in range(count))


def test_where_all_is_well_every_finding_is_fine_and_says_something() -> None:
    for finding in asked().values():
        assert finding.severity == "fine", finding
        assert finding.what
        assert not finding.fix


CASES: list[tuple[str, str, Any, str]] = [
    ("version", "stop", {"other": replace(THERE, version="17.2")}, "PostgreSQL 18.6 here, 17.2"),
    ("libraries", "stop", {"facts": replace(WELL, libraries={"postgis-3": "database shop"})},
     "postgis-3 (database shop)"),
    ("wal_level", "stop", {"facts": setting(wal_level="minimal")}, "minimal"),
    ("limits", "stop", {"facts": setting(max_connections="500")}, "500 here, 160 there"),
    ("limits", "stop", {"facts": setting(max_prepared_transactions="10")}, "10 here, 0 there"),
    ("slots_and_senders", "stop", {"facts": replace(WELL, slots=slots(16))}, "0 of 16 slots"),
    ("slots_and_senders", "stop", {"facts": replace(WELL, senders=15)}, "1 of 16 senders"),
    ("disk", "stop", {"other": replace(THERE, free_bytes=2 * GIB)}, "2GB free"),
    ("disk", "warn", {"other": replace(THERE, free_bytes=5 * GIB)}, "5GB free"),
    ("tablespaces", "stop", {"facts": replace(WELL, tablespaces=("fast in /ssd",))}, "/ssd"),
    ("unlogged_tables", "stop", {"facts": replace(WELL, unlogged=("shop: public.cache",))},
     "shop: public.cache"),
    ("prepared_transactions", "stop", {"facts": replace(WELL, prepared=(Transaction("x", 7.0),))},
     "x, since 7 s"),
    ("long_transactions", "warn",
     {"facts": replace(WELL, transactions=(Transaction("psql of ada", 620.4),))},
     "psql of ada, since 620 s"),
    ("checksums", "warn", {"facts": setting(data_checksums="off")}, "off"),
    ("slots", "warn",
     {"facts": replace(WELL, slots=(OURS, replace(OURS, name="cdc", kind="logical")))},
     "cdc (logical)"),
    ("kept_log", "warn", {"facts": replace(WELL, log_bytes=30 * GIB)}, "30GB of log"),
    ("kept_log", "warn", {"facts": replace(WELL, slots=(replace(OURS, wal_status="lost"),))},
     "slot tenfold_2 is lost"),
    ("logical_replication", "warn", {"facts": replace(WELL, publications=("feed in shop",))},
     "publication feed in shop"),
    ("logical_replication", "warn", {"facts": replace(WELL, subscriptions=("s in shop",))},
     "subscription s in shop"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "severity", "given", "evidence"), CASES)
def test_a_check_finds_what_it_is_for(
    name: str, severity: str, given: dict[str, Any], evidence: str
) -> None:
    finding = asked(**given)[name]
    assert finding.severity == severity
    assert evidence in finding.evidence
    assert finding.fix


def test_the_followers_own_slot_and_sender_are_not_in_its_way() -> None:
    full = replace(WELL, slots=(OURS, *slots(15)), senders=16)
    assert asked(full, copied=True)["slots_and_senders"].severity == "fine"


def test_a_follower_with_its_data_needs_no_room_for_it() -> None:
    little = replace(THERE, free_bytes=2 * GIB)
    assert asked(other=little, copied=True)["disk"].severity == "fine"


@pytest.mark.parametrize(
    ("free", "severity"), [(10, "stop"), (11, "warn"), (16, "warn"), (17, "fine"), (99, "fine")]
)
def test_room_on_the_disk(free: int, severity: str) -> None:
    assert disk(10 * GIB, 1 * GIB, free * GIB).severity == severity


def test_long_lists_are_cut() -> None:
    many = replace(WELL, unlogged=tuple(f"t{number}" for number in range(25)))
    evidence = asked(many)["unlogged_tables"].evidence
    assert "t9" in evidence
    assert "t10" not in evidence
    assert evidence.endswith("and 15 more")
