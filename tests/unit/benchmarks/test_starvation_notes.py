"""What a starvation run says of itself."""

from __future__ import annotations

from benchmarks.starvation import NICE, weaker


def test_a_run_that_could_raise_no_priority_says_so() -> None:
    assert weaker(NICE) == ()
    (note,) = weaker(0)
    assert "were at nice 0" in note
