"""Until when a server may accept writes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenfold.leash.deciding import (
    FOREVER,
    Bounds,
    Seen,
    Standing,
    agreed,
    end_at,
    followed,
)
from tenfold.leash.deciding import must_end as decided
from tenfold.leash.deciding import told as heard

BOUNDS = Bounds(ttl_seconds=20, round_seconds=4)


def told(
    standing: Standing, seen: Seen, member: str, bounds: Bounds, *, writes: bool = True
) -> Standing:
    """Of a server that accepts writes."""
    return heard(standing, seen, member, bounds, writes=writes)


def must_end(
    standing: Standing, now: float, *, writes: bool, began: float | None = None
) -> str | None:
    """As the watch puts it together."""
    return decided(standing.usurped, end_at(standing, began, BOUNDS), now) if writes else None


def test_a_server_that_is_taken_over_is_not_bound_before_it_had_the_lease() -> None:
    standing = told(Standing(adopts=True), Seen(100, None), "db1", BOUNDS)
    assert must_end(standing, 1e9, writes=True, began=100) is None
    standing = told(standing, Seen(110, "db1", 20), "db1", BOUNDS)
    assert not standing.adopts
    assert must_end(standing, 127, writes=True) is not None


def test_one_that_begins_to_write_without_a_word_from_etcd_is_bound_from_then_on() -> None:
    assert must_end(Standing(), 112.9, writes=True, began=100) is None
    assert must_end(Standing(), 113, writes=True, began=100) is not None


def test_a_follower_that_led_before_is_bound_by_nothing() -> None:
    standing = told(Standing(), Seen(100, "db1", 20), "db1", BOUNDS)
    standing = told(followed(), Seen(102, "db2", 20), "db1", BOUNDS)
    assert standing.until == FOREVER
    # It is elected again, long after, and nobody asked etcd yet.
    assert must_end(followed(), 1000, writes=True, began=1000) is None


def test_it_ends_three_seconds_before_the_lease_does() -> None:
    standing = told(Standing(), Seen(100, "db1", 20), "db1", BOUNDS)
    assert must_end(standing, 116.9, writes=True) is None
    assert must_end(standing, 117, writes=True) == "the lease was not renewed in time"


def test_a_renewal_counts_from_when_it_was_asked_for() -> None:
    standing = told(Standing(), Seen(100, "db1", 20), "db1", BOUNDS)
    assert told(standing, Seen(110, "db1", 19), "db1", BOUNDS).until == 126


def test_a_key_that_is_gone_prolongs_nothing() -> None:
    standing = told(Standing(), Seen(100, "db1", 20), "db1", BOUNDS)
    assert told(standing, Seen(110, None), "db1", BOUNDS) == standing


def test_whoever_writes_while_another_leads_ends_at_once() -> None:
    standing = told(Standing(), Seen(100, "db2", 20), "db1", BOUNDS)
    assert must_end(standing, 100, writes=True) is not None
    assert must_end(standing, 100, writes=False) is None


def test_whoever_begins_to_write_behind_an_answer_is_not_told_of_by_it() -> None:
    standing = told(followed(), Seen(100, "db1", 20), "db2", BOUNDS, writes=False)
    assert must_end(standing, 102, writes=True, began=101) is None
    assert must_end(agreed(standing, 102, BOUNDS), 103, writes=True, began=101) is None
    assert must_end(standing, 114, writes=True, began=101) == "the lease was not renewed in time"


def test_a_leader_again_is_no_usurper() -> None:
    standing = told(Standing(), Seen(100, "db2", 20), "db1", BOUNDS)
    standing = told(standing, Seen(102, "db1", 20), "db1", BOUNDS)
    assert must_end(standing, 103, writes=True) is None


def test_the_others_agreement_prolongs_for_less_than_they_keep_it() -> None:
    standing = told(Standing(), Seen(100, "db1", 20), "db1", BOUNDS)
    assert agreed(standing, 110, BOUNDS).until == 123
    assert agreed(standing, 101, BOUNDS) == standing, "it never shortens"
    assert agreed(Standing(), 101, BOUNDS).until == 114
    assert agreed(Standing(adopts=True), 101, BOUNDS).until == FOREVER


@given(
    st.lists(
        st.tuples(
            st.floats(0, 10),
            st.one_of(st.none(), st.sampled_from(["db1", "db2"])),
            st.floats(-1, 20),
        ),
        max_size=20,
    ),
    st.floats(0, 100),
)
def test_no_server_writes_when_its_last_lease_is_over(
    answers: list[tuple[float, str | None, float]], later: float
) -> None:
    now, standing, lease = 0.0, Standing(), None
    for passed, holder, left in answers:
        now += passed
        standing = told(standing, Seen(now, holder, left), "db1", BOUNDS)
        lease = now + left if holder == "db1" else lease
    if lease is not None and now + later > lease:
        assert must_end(standing, now + later, writes=True) is not None
