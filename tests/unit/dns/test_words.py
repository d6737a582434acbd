"""The switch in words, and when it has happened."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.domains import GITHUB, HERE, at_github, record, seen, site

from tenfold.dns import words
from tenfold.dns.model import Seen, Switch, Visit

PUBLIC: dict[str, Any] = {"address": "0.0.0.0", "port": 80}


def switch(edge: dict[str, Any], *says: Seen, publish: dict[str, Any] | None = None) -> Switch:
    return words.to_machine(site(publish or GITHUB, **edge), says, [HERE])


def test_a_command_that_looks_nothing_up_can_say_what_the_records_become() -> None:
    lines = words.described(site(GITHUB, www="redirect", **PUBLIC), (), [HERE])
    assert lines[0] == "shop.example and www.shop.example · to this machine"
    assert lines[1].split() == ["+", "A", "shop.example", HERE]
    assert lines[2].split() == ["+", "A", "www.shop.example", HERE]
    assert any(line.endswith(f"tenfold dns --to {HERE} --wait") for line in lines)
    public = words.described(site(address="8.8.4.4"))
    assert public[1].split()[-1] == "8.8.4.4"
    assert any(line.endswith("tenfold dns --wait") for line in public)
    assert "<the address of this machine>" in words.described(site())[1]


def test_a_site_without_a_name_has_nothing_to_switch() -> None:
    assert words.described(site(domains=[])) == ()


def test_the_order_begins_with_the_time_that_others_keep_an_answer() -> None:
    first, *rest = switch(PUBLIC, at_github()).advice
    assert first.startswith("set the TTL of what is there to 300 s, and wait 1 h")
    assert any('tls = "auto"' in step for step in rest), "GitHub's visitors come over https"
    assert rest[-1].startswith("leave GitHub Pages as it is for 1 h more")
    short = seen(record("A", "192.0.2.1", 60))
    assert "set the TTL" not in " ".join(switch(PUBLIC, short).advice)


@pytest.mark.parametrize(
    ("edge", "says"),
    [
        ({}, "nobody outside reaches the site"),
        ({"address": "0.0.0.0"}, "have port 80 lead to [edge] port 8000"),
        ({**PUBLIC, "tls": "auto", "https_port": 8443}, "have port 443 lead to"),
        ({**PUBLIC, "tls": "auto"}, "tenfold certificate --renew"),
    ],
)
def test_what_has_to_be_here_first(edge: dict[str, Any], says: str) -> None:
    assert any(says in step for step in switch(edge, at_github()).advice)


def test_a_cname_goes_before_an_address_comes() -> None:
    found = switch(PUBLIC, seen(record("CNAME", "anna.github.io")))
    assert any("a CNAME has to be deleted" in step for step in found.advice)


def test_that_there_is_nothing_is_remembered_too() -> None:
    found = switch(PUBLIC, seen(missing_seconds=900))
    assert any("remembered for up to 15 min" in step for step in found.advice)


def test_without_a_published_site_there_is_no_way_back_to_it() -> None:
    lines = words.described(site(**PUBLIC), [seen(record("A", "192.0.2.1"))], [HERE])
    assert lines[-1].endswith("leave the place of before as it is for 1 h more")
    assert not any("--published" in line for line in lines)


def test_done_has_no_advice() -> None:
    found = switch(PUBLIC, seen(record("A", HERE)))
    assert (found.pending, found.advice, found.problems) == (False, (), ())


def test_a_resolver_that_says_nothing_keeps_it_from_being_done() -> None:
    silent = Seen("192.0.2.54", "shop.example", problem="answers SERVFAIL")
    found = switch(PUBLIC, seen(record("A", HERE)), silent)
    assert found.pending
    assert found.problems == ("shop.example: 192.0.2.54 answers SERVFAIL",)


def test_a_name_that_follows_has_to_arrive() -> None:
    follows = seen(
        record("CNAME", "shop.example", name="www.shop.example"),
        name="www.shop.example",
        addresses=("192.0.2.1",),
    )
    edge = {**PUBLIC, "www": "redirect"}
    found = switch(edge, seen(record("A", HERE)), follows)
    assert found.pending
    assert "www.shop.example leads to 192.0.2.1 at 192.0.2.53" in found.problems


def visit(**more: Any) -> Visit:
    given = {"url": "http://shop.example/", "here": True, "status": 404, **more}
    return Visit("shop.example", HERE, **given)


@pytest.mark.parametrize(
    ("seen_there", "says"),
    [
        (visit(), None),
        (visit(status=308), None),
        (visit(here=False, status=204), "somebody else answers (status 204)"),
        (visit(status=421), "does not know the name: tenfold deploy"),
        (
            visit(here=False, status=0, problem="Connection refused"),
            "nobody answers (Connection refused); the edge listens at 8000, visitors come to 80",
        ),
    ],
)
def test_who_answers(seen_there: Visit, says: str | None) -> None:
    edge = site(address="0.0.0.0").edge
    found = words.unreached(edge, [seen(record("A", HERE))], [seen_there], unknown="")
    if says is None:
        assert found == ()
    else:
        assert [says in line for line in found] == [True]


def test_a_name_that_leads_nowhere_is_not_reached() -> None:
    assert words.unreached(site().edge, [seen()], [], unknown="") == (
        "shop.example leads nowhere yet, says 192.0.2.53",
    )


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (61, "2 min"), (3600, "1 h"), (5400, "2 h"),
     (86_400, "24 h"), (172_800, "2 days"), (2**31 - 1, "24856 days")],
)  # fmt: skip
def test_a_time_is_never_told_shorter_than_it_is(seconds: int, told: str) -> None:
    assert words.span(seconds) == told


def test_a_name_in_other_letters_is_shown_with_them() -> None:
    assert words.readable("xn--bckerei-5wa.example") == (
        "xn--bckerei-5wa.example (bäckerei.example)"
    )
    for strange in ("xn--.example", "xn--0.example", "xn--a\x1b.example"):
        assert "\x1b[" not in words.readable(strange)
    assert words.readable("shop.example") == "shop.example"
