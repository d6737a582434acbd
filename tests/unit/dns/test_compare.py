"""What becomes of each record."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.domains import ALSO_HERE, GITHUB, HERE, at_github, record, seen, site

from tenfold.dns import compare, goals, hosts
from tenfold.dns.model import Goal, Line, Record, Seen, Wanted

MACHINE = Goal("shop.example", (Wanted("A", HERE),), follows=frozenset({"www.shop.example"}))
OLD = "192.0.2.1"


def told(goal: Goal, *says: Seen) -> list[str]:
    return [f"{x.mark}{x.kind} {x.value}" for x in compare.lines(goal, says, hosts.whose)]


@pytest.mark.parametrize(
    ("records", "lines"),
    [
        ([], [f"+A {HERE}"]),
        ([record("A", HERE)], [f"=A {HERE}"]),
        ([record("A", OLD)], [f"-A {OLD}", f"+A {HERE}"]),
        ([record("A", HERE), record("A", OLD)], [f"=A {HERE}", f"-A {OLD}"]),
        ([record("A", HERE), record("AAAA", ALSO_HERE)], [f"=A {HERE}", f"-AAAA {ALSO_HERE}"]),
        (
            [record("CNAME", "anna.github.io")],
            ["-CNAME anna.github.io", f"+A {HERE}"],
        ),
        ([record("CNAME", "www.shop.example")], ["=CNAME www.shop.example"]),
        ([record("CNAME", "www.shop.example.evil.example")],
         ["-CNAME www.shop.example.evil.example", f"+A {HERE}"]),
    ],
)  # fmt: skip
def test_record_by_record(records: list[Record], lines: list[str]) -> None:
    assert told(MACHINE, seen(*records)) == lines


def test_nobody_was_asked() -> None:
    assert told(MACHINE) == [f"+A {HERE}"]


def test_what_goes_says_why() -> None:
    lines = compare.lines(MACHINE, [at_github()], hosts.whose)
    v6 = [line for line in lines if line.kind == "AAAA"]
    assert len(v6) == 4
    assert all("browsers prefer IPv6" in line.why for line in v6)
    assert {line.whose for line in lines if line.mark == "-"} == {"GitHub Pages"}
    assert all(line.ttl_seconds == 3600 for line in lines if line.mark == "-")
    assert all(line.pending for line in lines)


def test_resolvers_that_do_not_agree_are_named_and_the_longest_time_is_told() -> None:
    lines = compare.lines(
        MACHINE,
        [
            seen(record("A", HERE, 60), server="192.0.2.53"),
            seen(record("A", HERE, 120), record("A", OLD, 1800), server="192.0.2.54"),
        ],
        hosts.whose,
    )
    assert [(x.mark, x.value, x.ttl_seconds, x.why) for x in lines] == [
        ("=", HERE, 120, ""),
        ("-", OLD, 1800, "so far only at 192.0.2.54"),
    ]
    half = compare.lines(MACHINE, [seen(record("A", HERE)), seen(server="192.0.2.54")], hosts.whose)
    assert [(line.mark, line.pending) for line in half] == [("=", True)]


def test_a_resolver_that_says_nothing_changes_nothing() -> None:
    silent = Seen("192.0.2.54", "shop.example", problem="did not answer within 4 s")
    assert told(MACHINE, seen(record("A", HERE)), silent) == [f"=A {HERE}"]


def test_where_nobody_said_the_address_a_person_decides_about_unknown_ones() -> None:
    (goal,) = goals.machine(site().edge, [])
    placed = f"+A {goals.THIS_MACHINE}"
    assert told(goal, seen(record("A", OLD))) == [f"?A {OLD}", placed]
    assert told(goal, seen(record("A", hosts.NETLIFY_V4))) == [f"-A {hosts.NETLIFY_V4}", placed]


def github(name: str) -> Goal:
    spec = site(GITHUB, domain=name)
    assert spec.publish is not None
    (goal,) = goals.published(spec.edge, spec.publish, {"shop.example"}, {})
    return goal


def pending(lines: Sequence[Line]) -> list[str]:
    return [f"{line.mark}{line.value}" for line in lines if line.pending]


def test_back_at_github_ipv6_is_offered_and_not_asked_for() -> None:
    four = seen(*(record("A", address) for address in hosts.GITHUB_V4))
    lines = compare.lines(github("shop.example"), [four], hosts.whose)
    assert [line.mark for line in lines] == ["="] * 4 + ["+"] * 4
    assert pending(lines) == []
    assert pending(compare.lines(github("shop.example"), [at_github()], hosts.whose)) == []


def test_back_at_github_what_leads_here_goes() -> None:
    lines = compare.lines(github("shop.example"), [seen(record("A", HERE))], hosts.whose)
    assert pending(lines) == [f"-{HERE}", *(f"+{address}" for address in hosts.GITHUB_V4)]
    www = seen(record("A", HERE, name="www.shop.example"), name="www.shop.example")
    lines = compare.lines(github("www.shop.example"), [www], hosts.whose)
    assert pending(lines) == [f"-{HERE}", "+anna.github.io"]


def test_an_alias_at_the_provider_is_seen_as_the_addresses_of_its_target() -> None:
    goal = Goal("shop.example", (Wanted("A", "75.2.60.5"),), accepts=frozenset({"192.0.2.77"}))
    assert told(goal, seen(record("A", "192.0.2.77"))) == ["=A 192.0.2.77"]


records = st.builds(
    record,
    kind=st.sampled_from(["A", "AAAA", "CNAME"]),
    value=st.sampled_from([HERE, OLD, ALSO_HERE, "www.shop.example", "anna.github.io"]),
    ttl=st.integers(0, 2**31 - 1),
)
says = st.lists(
    st.builds(
        lambda found, server: seen(*found, server=server),
        st.lists(records, max_size=4),
        st.sampled_from(["192.0.2.53", "192.0.2.54"]),
    ),
    max_size=2,
    unique_by=lambda one: one.server,
)


@given(says)
def test_nothing_is_pending_only_where_every_resolver_gives_what_is_wanted(
    given_: list[Seen],
) -> None:
    lines = compare.lines(MACHINE, given_, hosts.whose)
    if not any(line.pending for line in lines):
        for one in given_:
            values = {found.value for found in one.records}
            assert values <= {HERE, "www.shop.example"}
            assert values
    shown = [(line.kind, line.value) for line in lines]
    assert len(shown) == len(set(shown)), "each record once"
