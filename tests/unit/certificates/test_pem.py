"""Keys and certificates as text."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509

from tenfold.certificates import pem

NOW = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC)


def test_a_key_comes_back_from_a_text_with_more_in_it() -> None:
    key = pem.new_key()
    text = pem.self_signed(key, ["a.org"], NOW) + pem.key_text(key)
    assert pem.belongs(text, pem.read_key(text))
    assert not pem.belongs(text, pem.new_key())


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_key_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        pem.read_key(text)


def test_what_a_certificate_says() -> None:
    found = pem.facts(pem.self_signed(pem.new_key(), ["b.org", "a.org"], NOW, days=10))
    assert found.names == ("a.org", "b.org")
    assert found.self_signed
    assert found.not_after == NOW.timestamp() + 10 * 86_400


def test_a_name_that_is_too_long_for_a_subject_is_among_the_alternatives() -> None:
    name = f"{'x' * 60}.{'y' * 60}.org"
    assert pem.facts(pem.self_signed(pem.new_key(), [name], NOW)).names == (name,)


def test_a_request_asks_for_all_names() -> None:
    made = x509.load_pem_x509_csr(pem.request(pem.new_key(), ["a.org", "b.org"]))
    asked = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert asked.value.get_values_for_type(x509.DNSName) == ["a.org", "b.org"]
