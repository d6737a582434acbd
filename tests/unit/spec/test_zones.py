"""``[zones]``: what is not survived is refused, with the reason."""

from __future__ import annotations

import pytest

from tenfold.errors import SpecError
from tenfold.spec.read import parse

PLAIN = 'name = "shop"\napp = "shop:app"\n[zones]\n'


def test_three_zones_and_two_databases_where_nothing_is_said() -> None:
    found = parse('name = "shop"\napp = "shop:app"\n').zones
    assert (found.names, found.databases) == (("a", "b", "c"), 2)


def test_zones_have_the_names_that_they_have_elsewhere() -> None:
    found = parse(f'{PLAIN}names = ["eu-1a", "eu-1b", "eu-1c"]\ndatabases = 3\n').zones
    assert (found.names, found.databases) == (("eu-1a", "eu-1b", "eu-1c"), 3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('names = ["a", "b"]', "there are 2 zones: with fewer than 3 nobody can tell"),
        ("names = []", "there are 0 zones"),
        ('names = ["a", "b", "c", "d"]', "each has a member of etcd: an even number survives"),
        ('names = ["a", "b", "b"]', '"b" is named twice: zones that share a host'),
        ('names = ["a", "b", "c|d"]', r"names\[2\]|names.2|pattern|match"),
        ('names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]', "7 are the most"),
        ("databases = 1", "databases"),
        ("databases = 4", "databases"),
        ('hosts = ["a"]', "hosts"),
    ],
)
def test_what_is_not_survived_is_refused(line: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        parse(f"{PLAIN}{line}\n")
