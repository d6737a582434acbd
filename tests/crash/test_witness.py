"""Whoever looks for a second leader finds it: what the crash tests believe."""

from __future__ import annotations

import pytest
from tests.support.care import Said, require_one_leader


def led(host: str, at: float, timeline: int | None = None) -> Said:
    return Said(host, at, at + 0.001, follows=False, timeline=timeline)


def test_one_leader_after_the_other_is_well() -> None:
    first = [led("db1", 0.1 * n, 1) for n in range(5)]
    second = [led("db2", 2 + 0.1 * n, 2) for n in range(5)]
    require_one_leader([*first, *second, Said("db1", 2.5, 2.6, follows=True)])


def test_two_that_do_not_follow_at_the_same_moment_are_found() -> None:
    with pytest.raises(AssertionError, match="two did not follow"):
        require_one_leader([led("db1", 1.0), led("db2", 1.05), led("db1", 1.1)])


def test_a_write_on_a_timeline_that_is_past_is_found() -> None:
    with pytest.raises(AssertionError, match="timeline that is past"):
        require_one_leader([led("db1", 1.0, 1), led("db2", 3.0, 2), led("db1", 6.0, 1)])


def test_two_that_write_on_one_timeline_are_found() -> None:
    with pytest.raises(AssertionError):
        require_one_leader([led("db1", 1.0, 1), led("db2", 9.0, 1)])


def test_a_server_that_answered_nobody_for_long_is_not_taken_for_a_leader() -> None:
    require_one_leader([led("db1", 1.0), led("db2", 5.0), led("db1", 30.0)])
