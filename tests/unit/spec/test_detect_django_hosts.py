"""Names, HTTPS and proxies: what ``init`` says of a Django project's settings, and when nothing."""

from __future__ import annotations

import pytest

from tenfold.engines.nginx.render import STRIPPED
from tenfold.spec.detect import detect
from tenfold.spec.detect.django_hosts import TAKEN_AWAY, TOLD

from .conftest import Make
from .test_detect_django import BOTH, FILES, SETTINGS


def told(make: Make, *lines: str, health: bool = True) -> dict[str, str]:
    """What is said of these lines at the end of settings that are well."""
    more = "".join(f"    {line}\n" for line in lines)
    files = {**FILES, "bakery/settings.py": f"{SETTINGS}\n{more}"}
    if not health:
        files["bakery/urls.py"] = ""
    notes = detect(make(files, BOTH)).notes
    return {note.fact.removesuffix(" in bakery.settings"): note.then for note in notes}


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ('ALLOWED_HOSTS = ["127.0.0.1", "localhost"]', []),
        ('ALLOWED_HOSTS = ["localhost"]', []),
        (
            'ALLOWED_HOSTS = ["bakery.example"]',
            ["ALLOWED_HOSTS has no localhost", "ALLOWED_HOSTS names bakery.example"],
        ),
        (
            'ALLOWED_HOSTS = [".bakery.example", "10.0.0.1", "shop.test", "localhost"]',
            ["ALLOWED_HOSTS names bakery.example"],
        ),
        ('ALLOWED_HOSTS = ["*"]', ['ALLOWED_HOSTS has "*"']),
        ("ALLOWED_HOSTS = []", ["ALLOWED_HOSTS is empty"]),
    ],
)
def test_names_that_are_written_there(make: Make, line: str, facts: list[str]) -> None:
    assert [*told(make, line)] == facts


def test_a_name_comes_with_the_lines_that_bring_https(make: Make) -> None:
    said = told(make, 'ALLOWED_HOSTS = ["bakery.example", "localhost"]')
    assert '[edge] domain = "bakery.example", tls = "auto"' in said.popitem()[1]


def test_several_names_come_as_a_list(make: Make) -> None:
    both = told(make, 'ALLOWED_HOSTS = ["bakery.example", "www.bakery.example", "localhost"]')
    assert 'domains = ["bakery.example", "www.bakery.example"]' in both.popitem()[1]


def test_without_a_health_page_the_address_that_is_shown_is_missed(make: Make) -> None:
    said = told(make, 'ALLOWED_HOSTS = ["bakery.example"]', health=False)
    assert "http://127.0.0.1:8000" in said["ALLOWED_HOSTS has neither 127.0.0.1 nor localhost"]


def test_debugging_says_what_comes_with_its_end(make: Make) -> None:
    said = told(make, "DEBUG = True", "ALLOWED_HOSTS = []")
    assert "without it, ALLOWED_HOSTS may not be empty" in said["DEBUG is on"]


def test_debugging_with_names_says_nothing_of_them(make: Make) -> None:
    assert "ALLOWED_HOSTS" not in told(make, "DEBUG = True")["DEBUG is on"]


@pytest.mark.parametrize(
    ("lines", "variable", "value"),
    [
        (
            ('ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost 127.0.0.1").split()',),
            "ALLOWED_HOSTS",
            "shop.example 127.0.0.1 localhost",
        ),
        (
            ('ALLOWED_HOSTS = env.list("DJANGO_HOSTS", default=["localhost"])',),
            "DJANGO_HOSTS",
            "shop.example,127.0.0.1,localhost",
        ),
        (
            ('ALLOWED_HOSTS = config("HOSTS", default="x", cast=Csv())',),
            "HOSTS",
            "shop.example,127.0.0.1,localhost",
        ),
        (
            (
                'HOSTS = os.environ.get("HOSTS", "").split()',
                'ALLOWED_HOSTS = ["127.0.0.1", "localhost", *HOSTS]',
            ),
            "HOSTS",
            "shop.example",
        ),
    ],
)
def test_names_that_come_from_a_variable(
    make: Make, lines: tuple[str, ...], variable: str, value: str
) -> None:
    said = told(make, *lines)
    then = said[f"ALLOWED_HOSTS takes {variable} from the environment"]
    assert then == f'once the site has a name: [env] {variable} = "{value}"'


def test_names_that_nobody_can_read_are_not_told(make: Make) -> None:
    assert told(make, "ALLOWED_HOSTS = hosts()") == {}


@pytest.mark.parametrize(
    ("line", "fact", "then"),
    [
        (
            'CSRF_TRUSTED_ORIGINS = ["bakery.example"]',
            "CSRF_TRUSTED_ORIGINS has bakery.example without a scheme",
            'write "https://bakery.example"',
        ),
        (
            'CSRF_TRUSTED_ORIGINS = ["https://bakery.example"]',
            "CSRF_TRUSTED_ORIGINS has https://bakery.example, which ALLOWED_HOSTS has not",
            "belongs into both",
        ),
        ("SECURE_SSL_REDIRECT = True", "SECURE_SSL_REDIRECT is on", 'tls = "auto" does'),
        ("SESSION_COOKIE_SECURE = True", "SESSION_COOKIE_SECURE is on", "over plain HTTP nobody"),
        (
            "SESSION_COOKIE_SECURE = True; CSRF_COOKIE_SECURE = True",
            "SESSION_COOKIE_SECURE and CSRF_COOKIE_SECURE are on",
            "over plain HTTP nobody",
        ),
        (
            'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")',
            "SECURE_PROXY_SSL_HEADER reads X-Forwarded-Proto",
            "right with HTTPS at Tenfold's edge",
        ),
        (
            'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_SSL", "on")',
            "SECURE_PROXY_SSL_HEADER reads X-Forwarded-Ssl",
            "the edge takes that away",
        ),
        (
            'SECURE_PROXY_SSL_HEADER = ("HTTP_X_SCHEME", "https")',
            "SECURE_PROXY_SSL_HEADER reads X-Scheme",
            "pretend to be on HTTPS",
        ),
        ("USE_X_FORWARDED_HOST = True", "USE_X_FORWARDED_HOST is on", "leave it out"),
    ],
)
def test_https_and_proxies(make: Make, line: str, fact: str, then: str) -> None:
    ((found, said),) = told(make, line).items()
    assert found == fact
    assert then in said


@pytest.mark.parametrize(
    "lines",
    [
        ("SECURE_SSL_REDIRECT = False", "SESSION_COOKIE_SECURE = False"),
        ("SECURE_SSL_REDIRECT = not DEBUG",),
        ('CSRF_TRUSTED_ORIGINS = ["http://localhost:3000", "http://127.0.0.1"]',),
        ("SECURE_PROXY_SSL_HEADER = None", "USE_X_FORWARDED_HOST = False"),
    ],
)
def test_what_is_right_as_it_is(make: Make, lines: tuple[str, ...]) -> None:
    assert told(make, *lines) == {}


def test_an_origin_below_a_name_is_one_of_its_own(make: Make) -> None:
    hosts = 'ALLOWED_HOSTS = [".bakery.example", "localhost"]'
    said = told(make, hosts, 'CSRF_TRUSTED_ORIGINS = ["https://*.bakery.example"]')
    assert [*said] == ["ALLOWED_HOSTS names bakery.example"]


def test_a_redirect_names_the_site_that_it_is_about(make: Make) -> None:
    hosts = 'ALLOWED_HOSTS = ["bakery.example", "localhost"]'
    said = told(make, hosts, "SECURE_SSL_REDIRECT = True")
    assert 'domain = "bakery.example"' in said["SECURE_SSL_REDIRECT is on"]


def test_the_headers_that_do_not_reach_the_app_are_those_of_the_edge() -> None:
    wire = {f"HTTP_{name.upper().replace('-', '_')}" for name in STRIPPED}
    assert wire == TAKEN_AWAY
    assert TOLD not in TAKEN_AWAY
