"""What a move says at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.cli.moving import next_lines, once_more
from tenfold.transitions import way

WAYS = [("tenfold complete", "removes the old side"), ("tenfold reverse", "takes it back")]


def test_the_first_command_has_the_word_before_it() -> None:
    assert next_lines(WAYS, to_be_published=False) == [
        "Next   tenfold complete     removes the old side",
        "       tenfold reverse      takes it back",
    ]
    assert next_lines([], to_be_published=False) == []


def test_a_name_that_has_to_lead_to_a_new_edge_comes_first() -> None:
    first, *others = next_lines(WAYS, to_be_published=True)
    assert first == "Next   tenfold dns          sees whether the site's name leads to every edge"
    assert others == [
        "       tenfold complete     removes the old side",
        "       tenfold reverse      takes it back",
    ]


@pytest.mark.parametrize(("at", "to", "verb"), [("10", "100", "grow"), ("100", "10", "shrink")])
def test_whoever_only_prepares_is_not_told_to_make_the_switch(at: str, to: str, verb: str) -> None:
    prepares = way.grow(at, None, to, now=0.0, prepare_only=True)
    assert once_more(prepares, None) == f"tenfold {verb} --to {to} --prepare-only"
    assert once_more(prepares, Path("m.json")) == f"tenfold {verb} m.json --prepare-only"
    switches = way.grow(at, None, to, now=0.0)
    assert once_more(switches, None) == f"tenfold {verb} --to {to}"
    assert once_more(switches, Path("m.json")) == f"tenfold {verb} m.json"


def test_a_reverse_ends_where_it_was_prepared_and_prepares_nothing() -> None:
    switched = way.arrived("100+10", way.grow("10", None, "100", now=0.0))
    assert once_more(way.reverse("100+10", switched), None) == "tenfold reverse"
