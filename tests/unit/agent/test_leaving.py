"""How long a worker that leaves may still take, whatever becomes of the clock meanwhile."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tenfold.agent.bound import Bound
from tenfold.agent.record import UnitRecord
from tenfold.topology.process import Launch, Probe, Stop, UnitOrder

ORDER = UnitOrder("app.1.1", "uvicorn", Launch(("a",), "/", Probe("tcp"), stop=Stop("SIGTERM", 30)))
STAYS = UnitRecord(ORDER)
HOUR = 3600.0


def leaving() -> UnitRecord:
    bound = Bound.of(30.0)
    return replace(STAYS, drain_until=bound.until, leaves_by=bound)


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_clock_that_is_set_neither_cuts_requests_off_nor_lets_them_last(
    jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, now = leaving(), time.time
    monkeypatch.setattr(time, "time", lambda: now() + jump)
    assert record.leaving
    assert 25.0 < record.drain_seconds() <= 30.0


def test_after_a_restart_of_the_machine_the_clock_on_the_wall_tells_what_is_left() -> None:
    bound = replace(Bound.of(30.0), boot="another boot", deadline=0.0)
    record = replace(STAYS, drain_until=bound.until, leaves_by=bound)
    assert 25.0 < record.drain_seconds() <= 30.0
    later = replace(bound, until=bound.until + HOUR)
    assert replace(record, leaves_by=later).drain_seconds() == 30.0


def test_what_an_older_agent_wrote_counts_but_never_for_longer_than_a_drain_may_take() -> None:
    record = replace(STAYS, drain_until=time.time() + 10.0)
    assert record.leaving
    assert 5.0 < record.drain_seconds() <= 10.0
    assert replace(STAYS, drain_until=time.time() + HOUR).drain_seconds() == 30.0
    assert replace(STAYS, drain_until=time.time() - HOUR).drain_seconds() < 0
    assert not STAYS.leaving
