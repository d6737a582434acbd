from __future__ import annotations

from tenfold.deployment.rescue import Watch


def test_patience_lasts_until_what_was_said_last() -> None:
    watch = Watch()
    assert watch.patience(100.0) is None
    watch.hear(b"5.5\n", 100.0)
    assert watch.patience(101.0) == 4.5
    assert watch.patience(200.0) == 0.0
    watch.hear(b"14.0\n", 103.0)
    assert watch.patience(103.0) == 14.0


def test_while_nobody_waits_there_is_time() -> None:
    watch = Watch()
    watch.hear(b"5.5\n-\n", 100.0)
    assert watch.patience(200.0) is None
    assert not watch.is_well


def test_a_word_may_come_in_pieces() -> None:
    watch = Watch()
    watch.hear(b"5", 100.0)
    assert watch.patience(100.0) is None
    watch.hear(b".5\nwel", 101.0)
    assert watch.patience(101.0) == 5.5
    assert not watch.is_well
    watch.hear(b"l\n", 102.0)
    assert watch.is_well
