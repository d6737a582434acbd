import pytest

from tenfold.load.stall import StallMeter


def test_a_pause_in_which_nothing_was_due_is_no_stall() -> None:
    meter = StallMeter()
    meter.due(0.0)
    meter.acknowledged(0.01)
    meter.due(5.0)
    meter.acknowledged(5.02)
    assert meter.longest == pytest.approx(0.02)
    assert meter.longest_began_at == 5.0


def test_a_stall_reaches_from_the_last_acknowledgement_to_the_next_while_writes_wait() -> None:
    meter = StallMeter()
    for at in (0.0, 0.01, 0.02):
        meter.due(at)
    meter.acknowledged(0.05)  # two more are due: the next stall counts from here
    meter.acknowledged(0.55)
    meter.acknowledged(0.56)
    assert meter.longest == pytest.approx(0.5)
    assert meter.longest_began_at == 0.05


def test_failed_writes_do_not_end_a_stall() -> None:
    meter = StallMeter()
    for second in range(5):
        meter.due(float(second))
        meter.failed()
    meter.due(5.0)
    meter.acknowledged(5.1)
    assert meter.longest == pytest.approx(5.1)


def test_a_stall_that_never_ends_lasts_until_the_end_of_the_load() -> None:
    meter = StallMeter()
    meter.due(1.0)
    meter.end(4.0)
    assert meter.longest == pytest.approx(3.0)


def test_no_writes_no_stall() -> None:
    meter = StallMeter()
    meter.end(10.0)
    assert meter.longest == 0.0
    assert meter.longest_began_at is None
