"""``[edge]``: names, TLS, redirects and users, each slip with the way out."""

from __future__ import annotations

import pytest

from tenfold.errors import SpecError
from tenfold.spec import read
from tenfold.spec.edge import EdgeTable
from tenfold.spec.names import LETS_ENCRYPT, circle, twin
from tenfold.spec.read import parse

HEAD = 'name = "shop"\napp = "shop:app"\n[edge]\n'


def edge(text: str) -> EdgeTable:
    return parse(HEAD + text).edge


def test_without_anything_there_is_one_plain_port_for_every_name() -> None:
    found = edge("")
    assert (found.own_names, found.tls.mode, found.hsts_days) == ((), "off", 0)
    assert (found.www, found.acme, dict(found.basic_auth)) == ("ignore", LETS_ENCRYPT, {})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('domain = "Example.ORG."', ("example.org",)),
        ('domains = ["a.org", "b.org"]', ("a.org", "b.org")),
        ('domain = "localhost"', ("localhost",)),
        ('domain = "xn--mnchen-3ya.de"', ("xn--mnchen-3ya.de",)),
    ],
)
def test_names(text: str, names: tuple[str, ...]) -> None:
    assert edge(text).own_names == names


@pytest.mark.parametrize(
    ("text", "port"),
    [("port = 80", 443), ("port = 8000", 8443), ("port = 80\nhttps_port = 444", 444)],
)
def test_the_port_for_https(text: str, port: int) -> None:
    assert edge(text).secure_port == port


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('domain = "*.a.org"', "has a wildcard; list the names"),
        ('domain = "münchen.de"', 'write "xn--mnchen-3ya.de"'),
        ('domain = "https://a.org"', 'not a name alone; write for example "example.org"'),
        ('domain = "a.org:80"', "not a name alone"),
        ('domain = "192.0.2.1"', "is not a domain name"),
        ('domain = "a..org"', "is not a domain name"),
        ('domain = "-a.org"', "is not a domain name"),
        ('domain = "a.org; deny all"', "is not a domain name"),
        ('domains = ["a.org", "A.org"]', '"a.org" is there twice'),
        ('domain = "a.org"\ndomains = ["b.org"]', "exclude each other"),
        ('domains = ["a.org", "www.a.org"]\nwww = "serve"', "are both named"),
        ('tls = "auto"', "tls needs a domain"),
        ('tls = "on"', 'is "auto", "off" or both files'),
        ("tls = true", 'is "auto", "off" or both files'),
        ('tls = { mode = "files" }', 'is "auto", "off" or both files'),
        ('domain = "a.org"\ntls = { certificate = "c.pem" }', 'is "auto", "off" or both files'),
        ('domain = "a.org"\ntls = "auto"\nhttps_port = 8000', "are both 8000"),
        ("hsts_days = 1", "hsts_days needs tls"),
        ('domain = "a.org"\ntls = "auto"\nhsts_days = 731', "731 should be"),
        ('acme = "http://ca.example/dir"', "is not an https URL"),
        ('acme = "https://me:secret@ca.example/dir"', "is not an https URL"),
        ('email = "anna"', "is not an e-mail address"),
        ('redirects = { "old" = "/new" }', "is not a path"),
        ('redirects = { "/o\\" ; deny all" = "/new" }', "is not a path"),
        ('redirects = { "/old" = "//evil.example" }', "leads nowhere"),
        ('redirects = { "/old" = "javascript:alert(1)" }', "leads nowhere"),
        ('redirects = { "/old" = "/$host" }', "leads nowhere"),
        ('redirects = { "/old" = "/new\\r\\nX: y" }', "leads nowhere"),
        ('redirects = { "/old" = { to = "/new", status = 200 } }', "is not one of 301"),
        ('redirects = { "/.well-known/acme-challenge/x" = "/new" }', "answered by the edge"),
        ('redirects = { "/a" = "/a" }', "circle: /a -> /a"),
        ('redirects = { "/x" = "/a", "/a" = "/b", "/b" = "/a?x" }', "circle: /a -> /b -> /a"),
        ('basic_auth = { anna = "sesame" }', 'write "${NAME}"'),
        ('basic_auth = { "an:na" = "${X}" }', "is not a user name"),
    ],
)
def test_slips_are_told_with_the_way_out(text: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        edge(text)
    assert told in caught.value.what
    assert "sesame" not in caught.value.what


def test_a_circle_through_the_sites_own_names_is_one() -> None:
    leads = {"/a": "https://www.a.org/b", "/b": "/a"}
    assert circle(leads, ["a.org", "www.a.org"]) == ("/a", "/b", "/a")
    assert circle(leads, ["a.org"]) == ()


def test_the_twin_of_a_name() -> None:
    assert (twin("a.org"), twin("www.a.org")) == ("www.a.org", "a.org")


def test_passwords_are_taken_from_the_environment_and_are_secrets() -> None:
    spec = parse(HEAD + 'basic_auth = { anna = "${PASS}" }')
    found = read.passwords(spec, {"PASS": "sesame"})
    assert found["anna"].reveal() == "sesame"
    assert "sesame" not in repr(found)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, "${PASS} is not set where tenfold was started"),
        ({"PASS": ""}, "empty or longer than 256 bytes"),
        ({"PASS": "sesame" * 50}, "empty or longer than 256 bytes"),
    ],
)
def test_a_password_that_is_not_there(environ: dict[str, str], told: str) -> None:
    with pytest.raises(SpecError) as caught:
        read.passwords(parse(HEAD + 'basic_auth = { anna = "${PASS}" }'), environ)
    assert told in caught.value.what
    assert "[edge.basic_auth] anna" in caught.value.what
    assert "sesame" not in caught.value.what
