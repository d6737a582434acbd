"""What is told before a site is brought up that would not be reached."""

from __future__ import annotations

import datetime

import pytest

from tenfold.certificates import pem
from tenfold.deployment.edge_notes import notes
from tenfold.secret import Secret
from tenfold.spec.read import parse

AUTO = 'domain = "a.org"\ntls = "auto"\n'
NOW = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC)


def told(table: str, own: Secret | None = None, now: float = NOW.timestamp()) -> str:
    edge = parse(f'name = "shop"\napp = "shop:app"\n[edge]\n{table}').edge
    return "\n".join(notes(edge, own, now))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", ""),
        (AUTO, "address is 127.0.0.1: nobody outside reaches the site"),
        (AUTO + 'address = "0.0.0.0"', "asks at port 80 of a.org: have it lead to port 8000"),
        (AUTO + 'address = "::"\nport = 80', ""),
        ('basic_auth = { anna = "${P}" }', ""),
        ('basic_auth = { anna = "${P}" }\naddress = "0.0.0.0"', "over plain http"),
        ('basic_auth = { anna = "${P}" }\naddress = "0.0.0.0"\nport = 80\n' + AUTO, ""),
    ],
)
def test_what_will_not_work_is_told_and_nothing_else(table: str, words: str) -> None:
    found = told(table)
    assert words in found
    assert bool(words) == bool(found)


@pytest.mark.parametrize(
    ("after_days", "words"), [(0, ""), (80, "ends in 10 days"), (91, "has ended")]
)
def test_a_certificate_of_ones_own_that_ends_before_long(after_days: int, words: str) -> None:
    key = pem.new_key()
    own = Secret(pem.key_text(key) + pem.self_signed(key, ["a.org"], NOW, days=90))
    found = told("", own, NOW.timestamp() + after_days * 86_400)
    assert words in found
    assert bool(words) == bool(found)
