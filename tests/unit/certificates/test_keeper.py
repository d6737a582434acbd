"""What the keeper makes of the file that it finds."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tenfold.certificates import pem
from tenfold.certificates.config import Config
from tenfold.certificates.keeper import forget_proofs, known
from tenfold.certificates.state import State, digest

DIRECTORY = "https://ca.example/dir"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(("a.org", "www.a.org"), DIRECTORY, tmp_path / "certificates")


def issue(config: Config, *names: str) -> None:
    """A certificate from somebody else, as an attempt puts it in place."""
    key, authority = pem.new_key(), pem.new_key()
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([])
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "R1")])
    made = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=True)
        .sign(authority, hashes.SHA256())
    )
    text = made.public_bytes(serialization.Encoding.PEM).decode()
    config.site.parent.mkdir(parents=True, exist_ok=True)
    config.site.write_text(pem.key_text(key) + text)


def test_at_first_it_makes_one_that_nobody_vouches_for(config: Config) -> None:
    found = known(config, State())
    assert (found.authority, found.issuer, found.names) == ("", "", ("a.org", "www.a.org"))
    assert config.site.stat().st_mode & 0o777 == 0o600
    assert config.site.parent.stat().st_mode & 0o777 == 0o700
    assert known(config, found) is found


def test_one_that_somebody_else_put_there_is_shown_and_replaced(config: Config) -> None:
    state = replace(known(config, State()), authority=DIRECTORY, renew_at=5.0)
    issue(config, "a.org", "www.a.org")
    found = known(config, state)
    assert (found.authority, found.issuer, found.renew_at) == ("", "CN=R1", 0.0)


def test_one_that_came_when_the_attempt_was_cut_off_is_not_ordered_again(config: Config) -> None:
    begun = known(config, State()).begun(1000.0)
    issue(config, "a.org", "www.a.org")
    found = known(config, begun).cut_off()
    assert (found.authority, found.names) == (DIRECTORY, config.names)
    assert (found.failures, found.trying, dict(found.fault)) == (0, False, {})
    assert found.file == digest(config.site)


@pytest.mark.parametrize("names", [("a.org",), ("b.org",)])
def test_one_for_other_names_is_not_taken_for_it(config: Config, names: tuple[str, ...]) -> None:
    begun = known(config, State()).begun(1000.0)
    issue(config, *names)
    found = known(config, begun).cut_off()
    assert (found.authority, found.failures) == ("", 1)


def test_one_that_is_of_no_use_is_set_aside(config: Config) -> None:
    known(config, State())
    config.site.write_text("hello")
    found = known(config, State())
    assert found.names == ("a.org", "www.a.org")
    assert config.site.with_name("site.pem.unreadable").read_text() == "hello"


def test_proofs_that_were_left_are_removed(config: Config) -> None:
    forget_proofs(config)
    config.challenges.mkdir(parents=True)
    (config.challenges / "token").write_text("proof")
    forget_proofs(config)
    assert list(config.challenges.iterdir()) == []
