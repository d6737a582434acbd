"""Machine, project, site, database and schema: each check sees what it is for, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenfold.doctor import catalogue
from tenfold.doctor.facts import DatabaseFacts, MachineFacts, ProjectFacts, SiteFacts
from tenfold.doctor.model import apply
from tenfold.engines.postgresql.checks import Finding as Precheck
from tenfold.engines.postgresql.facts import Transaction
from tenfold.engines.postgresql.health import ForeignKey, Health, Sequence, Statement, Table

GIB = 1 << 30
MACHINE = MachineFacts(
    system="Linux",
    processor="x86_64",
    memory_bytes=4 * GIB,
    memory_free_bytes=2 * GIB,
    disk_bytes=40 * GIB,
    disk_free_bytes=20 * GIB,
    files_free=1_000_000,
    open_files=65536,
    accept_queue=4096,
    clock=True,
    now=1_800_000_000.0,
    newest=1_700_000_000.0,
)
PROJECT = ProjectFacts(
    root=Path("/srv/shop"), file=True, environment=".venv", server="gunicorn", wanted=("gunicorn",)
)
SITE = SiteFacts(state="running", requests=1000, failed=2, restarts={"vm1/app.1": (1, "")})
HEALTH = Health(
    database="shop",
    keyless=(),
    unlogged=(),
    sequences=(Sequence("public.orders_id_seq", "public.orders.id", 1000, 2**31 - 1),),
    foreign_keys=(
        ForeignKey("a", "public.orders", ("customer_id",), "public.customers", True, 10**6),
        ForeignKey("b", "public.small", ("customer_id",), "public.customers", False, 10),
    ),
    invalid_indexes=(),
    unvalidated=(),
    bloated=(),
    slow=(),
    transactions=(Transaction("app", 12.0, "SELECT 1"),),
    large_objects=0,
    connections=20,
    max_connections=100,
    oldest_transaction=50_000_000,
    collation=None,
    extensions=("plpgsql 1.0",),
)
FINE = (Precheck("disk", "fine", "room"), Precheck("slots", "fine", "none"))
DATABASE = DatabaseFacts(stage="10", health=HEALTH, prechecks=FINE)
WELL: dict[str, tuple[tuple[Any, ...], Any]] = {
    "machine": (catalogue.MACHINE, MACHINE),
    "project": (catalogue.PROJECT, PROJECT),
    "site": (catalogue.SITE, SITE),
    "database": (catalogue.DATABASE, DATABASE),
    "move": (catalogue.MOVE, DATABASE),
}


@pytest.mark.parametrize("area", WELL)
def test_nothing_is_found_where_all_is_well(area: str) -> None:
    checks, facts = WELL[area]
    found, passed = apply(checks, facts, "10")
    assert found == ()
    assert passed == tuple(c.id for c in checks)


@pytest.mark.parametrize(
    ("id", "change", "severity", "stage"),
    [
        ("machine.engines", {"engines": (("no PostgreSQL", "get it"),)}, "fault", None),
        ("machine.platform", {"processor": "aarch64"}, "advice", None),
        ("machine.disk", {"disk_free_bytes": GIB // 2}, "fault", None),
        ("machine.disk", {"files_free": 10}, "fault", None),
        ("machine.memory", {"memory_free_bytes": GIB // 10}, "fault", None),
        ("machine.open-files", {"open_files": 1024}, "later", "100"),
        ("machine.accept-queue", {"accept_queue": 128}, "later", "100"),
        ("machine.clock", {"clock": False}, "later", "1k"),
        ("machine.clock", {"now": 1_600_000_000.0}, "fault", None),
        ("machine.port", {"listens": ("port 8000 is taken", "stop it")}, "fault", None),
    ],
)
def test_machine(id: str, change: dict[str, Any], severity: str, stage: str | None) -> None:
    one_of(catalogue.MACHINE, replace(MACHINE, **change), id, severity, stage)


@pytest.mark.parametrize(
    ("id", "change", "severity", "stage"),
    [
        ("project.file", {"file": False, "environment": None}, "advice", None),
        ("project.file", {"problems": ("tenfold.toml:3: no", "correct it")}, "fault", None),
        ("project.variables", {"missing": ("API_KEY",)}, "fault", None),
        ("project.environment", {"environment": None}, "advice", None),
        ("project.packages", {"packages_fault": "uv.lock:3: no"}, "fault", None),
        ("project.server", {"server": None, "add": "uv add gunicorn"}, "fault", None),
        ("project.entry", {"entry_missing": "shop.main"}, "fault", None),
        ("project.secrets-readable", {"secrets_open": ".tenfold/secrets.json"}, "fault", None),
        ("project.tracked-secrets", {"tracked_secrets": (".env",)}, "later", "100"),
    ],
)
def test_project(id: str, change: dict[str, Any], severity: str, stage: str | None) -> None:
    one_of(catalogue.PROJECT, replace(PROJECT, **change), id, severity, stage)


def test_a_static_site_alone_needs_no_environment() -> None:
    facts = replace(PROJECT, environment=None, without_app=True)
    found, _ = apply(catalogue.PROJECT, facts, "10")
    assert found == ()


@pytest.mark.parametrize(
    ("id", "change"),
    [
        ("site.degraded", {"missing": ("vm1/app has 1 of 2",)}),
        ("site.interrupted", {"interrupted": "grow at step 3 of 9, Hold", "choices": ("resume",)}),
        ("site.way-back-lost", {"lost": "db1 has let go of log"}),
        ("site.jobs", {"jobs": ("nightly at 04:00:00 failed, exit code 3",)}),
        ("site.restarts", {"restarts": {"vm1/app.1": (3, "exit code 1")}}),
        ("site.written", {"written": ("media/a.jpg",), "release": "4f2c1d9"}),
        ("site.authority", {"authority": ("the certificate of db1 ends on 01 May 2036",)}),
        ("site.certificate", {"certificate": ("shop.example has run out", "look at it")}),
        ("site.failures", {"failed": 10}),
    ],
)
def test_site(id: str, change: dict[str, Any]) -> None:
    one_of(catalogue.SITE, replace(SITE, **change), id, "fault", None)


def key(last: int, limit: int = 2**31 - 1) -> tuple[Sequence, ...]:
    return (Sequence("public.s", "public.orders.id", last, limit),)


@pytest.mark.parametrize(
    ("id", "change", "severity", "stage"),
    [
        ("schema.no-primary-key", {"keyless": (Table("public.log", 5),)}, "later", "1m"),
        ("schema.unlogged", {"unlogged": ("public.cache",)}, "later", "100"),
        ("schema.sequence-near-end", {"sequences": key(2_000_000_000)}, "fault", None),
        ("schema.sequence-near-end", {"sequences": key(200_000_000)}, "later", "100"),
        ("schema.sequence-near-end", {"sequences": key(20_000_000)}, "later", "1k"),
        ("schema.sequence-near-end", {"sequences": key(30_000, 32767)}, "fault", None),
        (
            "schema.foreign-key-without-index",
            {"foreign_keys": (ForeignKey("b", "public.a", ("x",), "public.b", False, 20_000),)},
            "later",
            "1k",
        ),
        (
            "schema.foreign-key-across-schemas",
            {"foreign_keys": (ForeignKey("b", "blog.a", ("x",), "public.b", True, 1),)},
            "later",
            "1m",
        ),
        ("schema.invalid-index", {"invalid_indexes": ("public.i of public.a",)}, "fault", None),
        ("schema.constraint-not-valid", {"unvalidated": ("c of public.a",)}, "advice", None),
        ("schema.large-objects", {"large_objects": 3}, "later", "1m"),
        ("database.connections", {"connections": 90}, "fault", None),
        (
            "database.long-transaction",
            {"transactions": (Transaction("app", 400.0, "SELECT 'secret'"),)},
            "fault",
            None,
        ),
        ("database.transaction-ids", {"oldest_transaction": 1_500_000_000}, "fault", None),
        ("database.bloat", {"bloated": (Table("public.a", 90_000),)}, "advice", None),
        ("database.slow-statements", {"slow": (Statement("SELECT", 30, 900.0),)}, "advice", None),
        ("database.pending-restart", {"pending": ("max_connections",)}, "advice", None),
        ("database.collation", {"collation": ("2.31", "2.36")}, "fault", None),
    ],
)
def test_database(id: str, change: dict[str, Any], severity: str, stage: str | None) -> None:
    facts = replace(DATABASE, health=replace(HEALTH, **change))
    told = one_of(catalogue.DATABASE, facts, id, severity, stage)
    assert "secret" not in told


def test_a_sequence_that_is_far_from_its_end_is_fine() -> None:
    facts = replace(DATABASE, health=replace(HEALTH, sequences=key(10_000_000)))
    assert apply(catalogue.DATABASE, facts, "10")[0] == ()


def test_what_bites_at_a_stage_is_a_fault_there() -> None:
    facts = replace(DATABASE, health=replace(HEALTH, unlogged=("public.cache",)))
    one_of(catalogue.DATABASE, facts, "schema.unlogged", "fault", None, at="100")


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("version", "move.version"),
        ("libraries", "move.extensions"),
        ("wal_level", "move.wal-level"),
        ("limits", "move.limits"),
        ("slots_and_senders", "move.slots-and-senders"),
        ("disk", "move.disk"),
        ("tablespaces", "move.tablespaces"),
        ("prepared_transactions", "move.prepared-transactions"),
    ],
)
def test_what_stops_a_move_bites_at_the_stage_that_it_leads_to(name: str, id: str) -> None:
    stops = Precheck(name, "stop", "it is in the way", "here", "do this")
    one_of(catalogue.MOVE, replace(DATABASE, prechecks=(stops,)), id, "later", "100")


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("checksums", "move.checksums"),
        ("slots", "move.slots"),
        ("kept_log", "move.kept-log"),
        ("logical_replication", "move.logical-replication"),
        ("disk", "move.disk"),
    ],
)
def test_what_a_move_warns_of_is_advice(name: str, id: str) -> None:
    warns = Precheck(name, "warn", "mind this", "here", "do this")
    one_of(catalogue.MOVE, replace(DATABASE, prechecks=(warns,)), id, "advice", None)


def one_of(
    checks: tuple[Any, ...],
    facts: Any,
    id: str,
    severity: str,
    stage: str | None,
    *,
    at: str = "10",
) -> str:
    """See that this check alone finds one thing, and how bad it is; gives all that it says."""
    found, passed = apply(checks, facts, at)
    (only,) = found
    assert (only.check, only.severity, only.stage) == (id, severity, stage)
    assert only.what
    assert only.fix
    assert len(passed) == len(checks) - 1
    return repr(only)
