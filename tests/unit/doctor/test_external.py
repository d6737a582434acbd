"""A database of the user's own: whether it answers, who listens in, what nobody here does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenfold.doctor import catalogue
from tenfold.doctor.diagnose import diagnose
from tenfold.doctor.facts import DatabaseFacts, ExternalFacts
from tenfold.doctor.look import look
from tenfold.doctor.model import apply
from tenfold.engines.postgresql.external import Facts, parse
from tenfold.engines.postgresql.external_health import Examined
from tenfold.secret import Secret

from .conftest import Find
from .test_plain_checks import HEALTH

URL = "postgresql://shop:hunter2@db.example:5432/shop?sslmode=verify-full"
SEEN = Facts("17.5", 17, encrypted=True, writable=True, creates=True, superuser=False)
EXAMINED = Examined(
    private=False,
    unsafe=(),
    archives=True,
    failing=None,
    extensions=frozenset({"plpgsql", "pg_trgm"}),
    health=HEALTH,
)
WELL = ExternalFacts(parse(Secret(URL)), SEEN, examined=EXAMINED)


def told(facts: ExternalFacts) -> dict[str, str]:
    """Severity by id, without what is always said of such a database."""
    found, _ = apply(catalogue.EXTERNAL, facts, "10")
    assert "hunter2" not in repr(found)
    assert all(one.fix for one in found)
    severities = {one.check: one.severity for one in found}
    assert severities.pop("external.promises") == "advice"
    return severities


def test_of_one_that_is_well_only_what_is_not_promised_is_said() -> None:
    assert told(WELL) == {}
    found, _ = apply(catalogue.EXTERNAL, WELL, "10")
    assert any("not backed up" in line for line in found[0].evidence)


@pytest.mark.parametrize(
    ("change", "id", "severity"),
    [
        ({"seen": None, "silent": ("it cannot be reached", "refused")}, "external.silent", "fault"),
        ({"problems": (("it takes no writes", "name the leader"),)}, "external.unfit", "fault"),
        ({"seen": replace(SEEN, superuser=True)}, "external.superuser", "advice"),
        ({"seen": replace(SEEN, version="13.2", major=13)}, "external.version", "advice"),
        ({"examined": replace(EXAMINED, unsafe=("fsync = off",))}, "external.unsafe", "fault"),
        ({"examined": replace(EXAMINED, archives=False)}, "external.backups", "advice"),
        ({"examined": replace(EXAMINED, failing="2026-01-02")}, "external.backups", "fault"),
    ],
)
def test_what_is_wrong_with_it(change: dict[str, Any], id: str, severity: str) -> None:
    assert told(replace(WELL, **change)) == {id: severity}


@pytest.mark.parametrize(
    ("url", "encrypted", "private", "severity"),
    [
        ("postgresql://a:b@db.example/x", True, False, "advice"),
        ("postgresql://a:b@db.example/x?sslmode=require", True, False, "advice"),
        ("postgresql://a:b@db.example/x?sslmode=prefer", False, False, "fault"),
        ("postgresql://a:b@10.0.0.3/x?sslmode=prefer", False, True, "advice"),
        ("postgresql://a:b@db.example/x?sslmode=disable", False, False, "advice"),
        ("postgresql://a:b@localhost/x", False, True, None),
        (URL, True, False, None),
    ],
)
def test_who_can_read_along(url: str, encrypted: bool, private: bool, severity: str | None) -> None:
    facts = ExternalFacts(
        parse(Secret(url)),
        replace(SEEN, encrypted=encrypted),
        examined=replace(EXAMINED, private=private),
    )
    assert told(facts) == ({"external.connection": severity} if severity else {})


def test_its_schema_is_looked_at_as_any_other_but_nothing_of_a_move_is_said() -> None:
    facts = DatabaseFacts("10", replace(HEALTH, unlogged=("public.cache",)), own=True)
    (found,), _ = apply(catalogue.DATABASE, facts, "10")
    assert (found.check, found.severity) == ("schema.unlogged", "advice")


def test_an_extension_that_it_lacks(find: Find) -> None:
    files = {"a.sql": "", "a.py": 'x = "CREATE EXTENSION postgis"\n'}
    known = {"extensions": EXAMINED.extensions, "postgres": "your PostgreSQL 17.5"}
    (seen,) = find("app.extension-missing", files, own_database=True, **known)
    assert seen.what == "your PostgreSQL 17.5 has no extension postgis"
    assert "[database] postgres" not in seen.fix


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    toml = 'name = "shop"\napp = "shop:app"\n[database]\nurl = "${SHOP_DATABASE}"\n'
    (tmp_path / "tenfold.toml").write_text(toml)
    (tmp_path / "shop.py").write_text("app = object()\n")
    return tmp_path


def test_without_its_variable_it_is_not_looked_at_and_that_is_said(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_DATABASE", raising=False)
    found = diagnose(look(shop))
    assert [f.evidence for f in found.of("project.variables")] == [("${SHOP_DATABASE}",)]
    assert not any(id.startswith(("external.", "schema.")) for id in found.passed)
    # A busy machine may not get round to everything else, such as newer versions of engines.
    assert {u.what for u in found.unseen} >= {"the site", "your own database", "extensions"}


def test_one_that_does_not_answer_is_a_fault_before_the_first_up(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DATABASE", "postgresql://shop:hunter2@127.0.0.1:1/shop")
    found = diagnose(look(shop))
    (one,) = found.of("external.silent")
    assert one.severity == "fault"
    assert "127.0.0.1:1/shop" in one.what
    assert "hunter2" not in repr(found)
