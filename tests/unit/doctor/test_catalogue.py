from __future__ import annotations

import re

import pytest

from tenfold.doctor import catalogue
from tenfold.doctor.model import Finding, ordered
from tenfold.errors import UsageError

ALL = tuple(catalogue.checks())


def test_every_check_has_an_id_of_its_own_in_an_area_that_is_told() -> None:
    ids = [one.id for one in ALL]
    assert len(set(ids)) == len(ids)
    parts = (
        *catalogue.MACHINE, *catalogue.PROJECT, *catalogue.APP, *catalogue.WORKERS,
        *catalogue.REDIS, *catalogue.SITE, *catalogue.EXTERNAL,
        *catalogue.DATABASE, *catalogue.MOVE,
    )  # fmt: skip
    assert len(parts) == len(ids), "none is in an area that is not listed"
    assert all(re.fullmatch(r"[a-z]+\.[a-z-]+", id) for id in ids)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.id)
def test_every_check_says_when_it_bites_and_why(one: catalogue.Check[object]) -> None:
    assert re.match(r"now|advice|1|10", one.bites)
    assert len(one.why) > 40


def test_a_check_is_found_by_a_word_of_its_name() -> None:
    assert catalogue.named("sessions").id == "app.sessions-in-memory"
    assert catalogue.named("app.debug").id == "app.debug"


@pytest.mark.parametrize(
    ("word", "told"), [("in-memory", "several"), ("app.debgu", 'did you mean "app.debug"')]
)
def test_a_name_that_fits_none_or_several_is_refused(word: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        catalogue.named(word)


def test_faults_come_first_then_the_next_stages_then_advice() -> None:
    def one(severity: str, stage: str | None = None) -> Finding:
        return Finding("x.y", severity, stage, "", (), "")  # type: ignore[arg-type]

    mixed = [one("advice"), one("later", "1m"), one("fault"), one("later", "100")]
    assert ordered(mixed) == (
        one("fault"), one("later", "100"), one("later", "1m"), one("advice"),
    )  # fmt: skip
