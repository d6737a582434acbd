"""Up to when everything is safe, what may go, when the next copy is due."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tenfold.backups.catalogue import Backup
from tenfold.backups.deciding import (
    Sample,
    expired,
    fitting,
    forks,
    kept,
    next_backup,
    recoverable,
    unneeded,
)

DAY = 86_400.0
BACKUP = Backup(
    id="20261126T160000Z",
    lineage="shop-1",
    began=0.0,
    ended=0.0,
    timeline=1,
    first_wal="000000010000000000000010",
    segment_bytes=4 << 20,
    version="18.6",
    content_bytes=1,
    encrypted=False,
)


def ended(*days: float) -> tuple[Backup, ...]:
    return tuple(replace(BACKUP, id=f"{d}", ended=d * DAY) for d in days)


def test_what_was_written_since_is_not_recoverable() -> None:
    samples = [Sample(10, 100, 5, True), Sample(20, 200, 6, True), Sample(30, 300, 7, True)]
    assert recoverable(samples, 250) == 20
    assert recoverable(samples, 300) == 30
    assert recoverable(samples, 50) is None


def test_while_nobody_writes_the_present_is_recoverable_without_more_log() -> None:
    # A checkpoint moved the position; no transaction had a number since.
    samples = [Sample(10, 100, 5, True), Sample(20, 120, 5, True), Sample(900, 130, 5, True)]
    assert recoverable(samples, 100) == 900


def test_an_open_transaction_may_have_committed_without_a_new_number() -> None:
    samples = [Sample(10, 100, 5, False), Sample(20, 120, 5, True)]
    assert recoverable(samples, 100) == 10


def test_a_commit_ends_the_quiet() -> None:
    samples = [
        Sample(10, 100, 5, True),
        Sample(20, 120, 5, True),
        Sample(30, 140, 6, True),
        Sample(40, 150, 6, True),
    ]
    assert recoverable(samples, 100) == 20


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 3), st.booleans()), min_size=1, max_size=20
    ),
    st.integers(0, 600),
)
def test_forgetting_samples_changes_no_answer(
    steps: list[tuple[int, int, bool]], archived: int
) -> None:
    samples, position, following = [], 0, 0
    for at, (bytes_, numbers, quiet) in enumerate(steps):
        position, following = position + bytes_, following + numbers
        samples.append(Sample(at, position, following, quiet))
    left = kept(samples, archived)
    assert recoverable(left, archived) == recoverable(samples, archived)
    later = archived + 100
    assert recoverable(left, later) == recoverable(samples, later)


def test_the_newest_of_the_old_ones_stays_for_the_moments_right_behind_it() -> None:
    backups = ended(1, 2, 3, 10, 11)
    assert [b.id for b in expired(backups, 13 * DAY, 9 * DAY)] == ["1", "2"]
    assert expired(ended(12), 13 * DAY, 9 * DAY) == ()
    assert expired(ended(1), 13 * DAY, 9 * DAY) == ()
    assert expired((), 13 * DAY, 9 * DAY) == ()


@given(
    st.lists(st.floats(0, 40), max_size=12, unique=True),
    st.floats(0, 45),
    st.floats(0.1, 30),
    st.floats(0, 1),
)
def test_every_wanted_moment_can_be_reached_after_as_before(
    days: list[float], now: float, keep: float, share: float
) -> None:
    backups = ended(*sorted(d for d in days if d <= now))
    left = tuple(b for b in backups if b not in expired(backups, now * DAY, keep * DAY))
    wanted = (now - keep * share) * DAY
    assert fitting(left, wanted) == fitting(backups, wanted)
    assert fitting(left, None) == fitting(backups, None)


def test_the_log_before_the_oldest_copy_goes_and_histories_stay() -> None:
    objects = [
        "wal/0000000100000000/00000001000000000000000F.zst",
        "wal/0000000100000000/000000010000000000000010.zst.age",
        "wal/0000000200000000/000000020000000000000011.zst",
        "wal/00000002.history.zst",
    ]
    assert unneeded(objects, BACKUP) == (objects[0],)


def test_copies_come_in_their_time_and_failures_wait_longer_and_longer() -> None:
    assert next_backup(0.0, DAY, 0, 0.0) == 0.0
    assert next_backup(1000.0, DAY, 0, 0.0) == 1000.0 + DAY
    waits = [next_backup(0.0, DAY, n, 1000.0) - 1000.0 for n in (1, 2, 3, 20)]
    assert waits == [60.0, 120.0, 240.0, 3600.0]


HISTORY = """\
1\t0/3000000\tno recovery target specified

2\t1/A0000000\tbefore 2026-11-26 17:13:11+00
"""


def test_where_timelines_were_left_is_in_their_history() -> None:
    assert forks(HISTORY) == {1: 0x3000000, 2: (1 << 32) + 0xA0000000}
    assert forks("") == {}


def on(timeline: int, last: int, day: float) -> Backup:
    return replace(BACKUP, id=f"{day}", timeline=timeline, last_position=last, ended=day * DAY)


def test_a_copy_of_a_history_that_was_given_up_is_not_taken() -> None:
    early, late = on(1, 0x2000000, 1), on(1, 0x4000000, 2)
    assert fitting([early, late], None, 3, forks(HISTORY)) == early
    assert fitting([early, late], None, 1, {}) == late, "it went back to that history"
    own = on(3, 0x2_0000_0000, 3)
    assert fitting([early, late, own], None, 3, forks(HISTORY)) == own
    assert fitting([late], None, 3, forks(HISTORY)) is None
    assert fitting([on(4, 1, 5)], None, 3, forks(HISTORY)) is None, "of nobody's past"
