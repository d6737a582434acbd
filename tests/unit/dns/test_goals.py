"""What the records have to be: here, and where each kind of place says they are."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.domains import ALSO_HERE, GITHUB, HERE, site

from tenfold.dns import goals, hosts
from tenfold.dns.model import Wanted

BUCKET = {"to": "s3://shop.example", "access_key": "${A}", "secret_key": "${B}"}
NETLIFY = {"to": "netlify:bakery", "token": "${T}"}


@pytest.mark.parametrize(
    ("edge", "names"),
    [
        ({}, ("shop.example",)),
        ({"www": "redirect"}, ("shop.example", "www.shop.example")),
        ({"domain": "www.shop.example", "www": "serve"}, ("www.shop.example", "shop.example")),
        (
            {"domains": ["a.example", "b.example"], "www": "serve"},
            ("a.example", "b.example", "www.a.example", "www.b.example"),
        ),
        ({"domains": ["a.example", "www.a.example"]}, ("a.example", "www.a.example")),
    ],
)
def test_every_name_that_the_edge_answers_to(edge: dict[str, Any], names: tuple[str, ...]) -> None:
    assert goals.names(site(**edge).edge) == names


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("127.0.0.1", ()),
        ("0.0.0.0", ()),
        ("10.0.0.5", ()),
        ("::", ()),
        ("fe80::1", ()),
        ("8.8.4.4", ("8.8.4.4",)),
        ("2a00:1450:4001::1", ("2a00:1450:4001::1",)),
    ],
)
def test_an_address_is_taken_from_the_file_if_it_is_a_public_one(
    address: str, found: tuple[str, ...]
) -> None:
    assert goals.default_addresses(site(address=address).edge) == found


def test_a_machine_has_a_record_for_each_address_at_each_name() -> None:
    made = goals.machine(site(www="redirect").edge, [HERE, ALSO_HERE])
    records = (Wanted("A", HERE), Wanted("AAAA", ALSO_HERE))
    assert [(goal.name, goal.records) for goal in made] == [
        ("shop.example", records),
        ("www.shop.example", records),
    ]
    assert made[1].follows == {"shop.example"}


def test_without_an_address_its_place_is_held() -> None:
    (goal,) = goals.machine(site().edge, [])
    assert goal.records == (Wanted("A", goals.THIS_MACHINE, open=True),)


def of(publish: dict[str, Any], **edge: Any) -> dict[str, list[tuple[str, str]]]:
    """Kind and value of each record that a published site has to have, by name."""
    spec = site(publish, **edge)
    assert spec.publish is not None
    made = goals.published(spec.edge, spec.publish, None, {})
    return {g.name: [(w.kind, w.value) for w in g.records if not w.optional] for g in made}


def test_github_has_addresses_for_a_domain_and_a_name_for_what_is_below() -> None:
    assert of(GITHUB, www="redirect") == {
        "shop.example": [("A", address) for address in hosts.GITHUB_V4],
        "www.shop.example": [("CNAME", "anna.github.io")],
    }


def test_a_zone_of_its_own_takes_no_cname_however_many_labels_it_has() -> None:
    spec = site(GITHUB, domain="shop.co.example")
    assert spec.publish is not None
    (guessed,) = goals.published(spec.edge, spec.publish, None, {})
    (known,) = goals.published(spec.edge, spec.publish, {"shop.co.example"}, {})
    assert [wanted.kind for wanted in guessed.records] == ["CNAME"]
    assert {wanted.kind for wanted in known.records} == {"A", "AAAA"}


@pytest.mark.parametrize(
    ("publish", "apex", "below"),
    [
        (NETLIFY, ("A", "75.2.60.5"), ("CNAME", "bakery.netlify.app")),
        (
            {**NETLIFY, "to": "netlify:shop.example"},
            ("A", "75.2.60.5"),
            ("CNAME", "<the site's name>.netlify.app"),
        ),
        (
            BUCKET,
            ("ALIAS", "shop.example.s3-website-us-east-1.amazonaws.com"),
            ("CNAME", "shop.example.s3-website-us-east-1.amazonaws.com"),
        ),
        (
            {**BUCKET, "region": "eu-central-1"},
            ("ALIAS", "shop.example.s3-website.eu-central-1.amazonaws.com"),
            ("CNAME", "shop.example.s3-website.eu-central-1.amazonaws.com"),
        ),
        (
            {**BUCKET, "endpoint": "https://s3.example.org"},
            ("ALIAS", "<the website address of the bucket>"),
            ("CNAME", "<the website address of the bucket>"),
        ),
        (
            {"to": "ssh://anna@192.0.2.9/srv/www"},
            ("A", "192.0.2.9"),
            ("A", "192.0.2.9"),
        ),
        (
            {"to": "ssh://anna@web.example.org/srv/www"},
            ("A", "<the address of web.example.org>"),
            ("A", "<the address of web.example.org>"),
        ),
        (
            {"to": "git+ssh://git@forge.example.org/anna/shop.git"},
            ("A", "<what forge.example.org documents for its pages>"),
            ("CNAME", "<what forge.example.org documents for its pages>"),
        ),
    ],
)
def test_every_other_place(
    publish: dict[str, Any], apex: tuple[str, str], below: tuple[str, str]
) -> None:
    found = of(publish, www="serve")
    assert found == {"shop.example": [apex], "www.shop.example": [below]}


def test_a_directory_over_ssh_is_where_its_host_is() -> None:
    spec = site({"to": "ssh://anna@web.example.org/srv/www"})
    assert spec.publish is not None
    assert goals.hosts_to_look_up(spec.publish) == ("web.example.org",)
    known = {"web.example.org": ("192.0.2.9", "2001:db8::9")}
    (goal,) = goals.published(spec.edge, spec.publish, None, known)
    assert goal.records == (Wanted("A", "192.0.2.9"), Wanted("AAAA", "2001:db8::9"))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("185.199.110.153", "GitHub Pages"),
        ("2606:50c0:8003::153", "GitHub Pages"),
        ("anna.github.io", "GitHub Pages of anna"),
        ("75.2.60.5", "Netlify"),
        ("apex-loadbalancer.netlify.com", "Netlify"),
        ("bakery.netlify.app", "bakery at Netlify"),
        ("b.s3-website.eu-central-1.amazonaws.com", "a bucket at Amazon"),
        ("ec2-1-2-3-4.compute.amazonaws.com", ""),
        ("shop.s3.example.org", "the bucket of [publish]"),
        ("s3.example.org.evil.example", ""),
        ("evilgithub.io", ""),
        ("203.0.113.7", ""),
        ("", ""),
    ],
)
def test_whose_it_is(value: str, told: str) -> None:
    spec = site({**BUCKET, "endpoint": "https://s3.example.org"})
    assert hosts.whose(value, spec.publish) == told
