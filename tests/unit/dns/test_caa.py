"""Whether an authority is kept away."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.domains import record, seen, site

from tenfold.dns import caa

AUTO = {"tls": "auto"}


@pytest.mark.parametrize(
    ("values", "forbidden"),
    [
        ([], False),
        (['0 issue "letsencrypt.org"'], False),
        (['0 issue "LetsEncrypt.org"'], False),
        (['0 issue " letsencrypt.org ; accounturi=https://a.example/1"'], False),
        (['0 issue "sectigo.com"'], True),
        (['0 issue "sectigo.com"', '0 issue "letsencrypt.org"'], False),
        (['0 issue ";"'], True),
        (['0 issue ""'], True),
        (['0 issuewild "sectigo.com"'], False),
        (['0 iodef "mailto:anna@shop.example"'], False),
        (['0 issue "letsencrypt.org; validationmethods=dns-01"'], True),
        (['0 issue "letsencrypt.org; validationmethods=dns-01,http-01"'], False),
        (['0 issue "notletsencrypt.org"'], True),
        (['128 strange "x"'], True),
        (['0 strange "x"'], False),
        (['128 issue "letsencrypt.org"'], False),
        (["nonsense"], False),
    ],
)
def test_who_may_issue(values: list[str], forbidden: bool) -> None:
    records = [record("CAA", value) for value in values]
    assert caa.forbids(records, caa.LETS_ENCRYPT) is forbidden


@pytest.mark.parametrize(
    ("edge", "name"),
    [
        ({}, ""),
        (AUTO, "letsencrypt.org"),
        (
            {**AUTO, "acme": "https://acme-staging-v02.api.letsencrypt.org/directory"},
            "letsencrypt.org",
        ),
        ({**AUTO, "acme": "https://ca.internal:9000/acme/directory"}, ""),
        ({**AUTO, "acme": "https://letsencrypt.org.evil.example/directory"}, ""),
    ],
)
def test_what_the_authority_calls_itself(edge: dict[str, Any], name: str) -> None:
    assert caa.issuer(site(**edge).edge) == name


def test_one_record_is_added_where_the_others_are() -> None:
    other = (record("CAA", '0 issue "sectigo.com"'),)
    www = seen(name="www.shop.example", caa=other)
    (line,) = caa.lines(site(**AUTO).edge, [seen(caa=other), www])
    assert (line.mark, line.name, line.value) == ("+", "shop.example", '0 issue "letsencrypt.org"')
    assert "allow sectigo.com" in line.why
    assert caa.lines(site().edge, [seen(caa=other)]) == ()
    assert caa.lines(site(**AUTO).edge, [seen()]) == ()
