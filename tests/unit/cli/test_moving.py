"""What a move says at its end."""

from __future__ import annotations

from tenfold.cli.moving import next_lines

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
