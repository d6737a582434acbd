"""A command of a move that is refused before it begins says so, and how it is begun."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tenfold.deployment import writes
from tenfold.deployment.beforehand import begins, require_unhindered, tell_not_begun
from tenfold.engines.postgresql.checks import Finding
from tenfold.errors import Refused
from tenfold.transitions.way import Crossing

NEW = Crossing("10", "100", "grow", "100+10", switched=False, began=0.0)
AGAIN = "tenfold grow --to 100"
UNLOGGED = Finding("unlogged_tables", "stop", "tables are unlogged", "cache", "SET LOGGED")


def test_only_what_begins_is_asked() -> None:
    prepared = replace(NEW, final=None)
    assert begins(None, NEW)
    assert begins(prepared, NEW)
    assert begins(prepared, replace(NEW, command="reverse"))
    assert not begins(NEW, NEW)  # cut off: this is  resume
    assert not begins(prepared, replace(NEW, command="abort"))
    assert not begins(prepared, replace(NEW, command="complete"))


def test_what_stands_in_the_way_is_named_and_nothing_was_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing: Any = None
    monkeypatch.setattr(writes, "where", lambda _: "writes go to vm1/postgres")
    with pytest.raises(Refused, match="tables are unlogged") as caught:
        require_unhindered(nothing, NEW, AGAIN, [UNLOGGED])
    assert caught.value.detail == "tables are unlogged: cache"
    assert caught.value.changed == (
        "nothing was touched: grow was not begun; writes go to vm1/postgres"
    )
    assert caught.value.next == f"SET LOGGED\nthen  {AGAIN}"
    require_unhindered(nothing, NEW, AGAIN, [replace(UNLOGGED, severity="warn")])


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ("bring its host back, then  tenfold resume", f"bring its host back, then  {AGAIN}"),
        (None, AGAIN),
        ("SET LOGGED", f"SET LOGGED\nthen  {AGAIN}"),
    ],
)
def test_nobody_is_sent_to_resume_what_was_not_begun(known: str | None, told: str) -> None:
    error = Refused("no", next=known)
    tell_not_begun(error, "grow", AGAIN, None)
    assert error.next == told


def test_what_is_known_to_have_changed_stays_told() -> None:
    error = Refused("no", changed="nothing; a leads")
    tell_not_begun(error, "grow", AGAIN, None)
    assert error.changed == "nothing; a leads"
