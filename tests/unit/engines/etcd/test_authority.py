"""Certificates of the deployment's own authority."""

from __future__ import annotations

import datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from tenfold.engines.etcd.authority import YEARS, expiring, new_authority, new_host
from tenfold.engines.etcd.names import AUTHORITY, AUTHORITY_KEY, host_secret

NOW = datetime.datetime(2026, 11, 27, tzinfo=datetime.UTC)


def certificate(address: str) -> tuple[x509.Certificate, x509.Certificate]:
    made = new_authority("shop", NOW)
    host = new_host(made[AUTHORITY], made[AUTHORITY_KEY], "db1", address, NOW)
    load = x509.load_pem_x509_certificate
    return load(host.reveal().encode()), load(made[AUTHORITY].reveal().encode())


@pytest.mark.parametrize("address", ["127.0.0.11", "10.0.0.5", "::1", "fd00::5"])
def test_a_host_is_verified_by_its_address(address: str) -> None:
    host, authority = certificate(address)
    builder = PolicyBuilder().store(Store([authority])).time(NOW)
    subject = x509.IPAddress(ip_address(address))
    assert builder.build_server_verifier(subject).verify(host, [])
    assert builder.build_client_verifier().verify(host, [])


def test_it_serves_and_asks() -> None:
    host, _ = certificate("10.0.0.5")
    usages = host.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usages) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_on_loopback_it_is_also_the_address_that_connections_come_from() -> None:
    """``etcd`` compares a peer's addresses with where it comes from."""
    host, _ = certificate("127.0.0.11")
    names = host.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(map(str, names.get_values_for_type(x509.IPAddress))) == {"127.0.0.1", "127.0.0.11"}


def test_a_host_of_another_deployment_is_not_let_in() -> None:
    host, _ = certificate("10.0.0.5")
    _, other = certificate("10.0.0.5")
    verifier = PolicyBuilder().store(Store([other])).time(NOW).build_client_verifier()
    with pytest.raises(x509.verification.VerificationError):
        verifier.verify(host, [])


def test_no_key_is_shown_by_mistake() -> None:
    assert "PRIVATE" not in str(new_authority("shop", NOW))


def test_certificates_that_end_soon_are_told() -> None:
    made = new_authority("shop", NOW)
    later = NOW + datetime.timedelta(days=100)
    host = new_host(made[AUTHORITY], made[AUTHORITY_KEY], "db1", "10.0.0.5", later)
    known = {**made, host_secret("db1"): host}
    end = NOW + datetime.timedelta(days=365 * YEARS)
    assert expiring(known, NOW) == expiring({}, NOW) == ()
    (told,) = expiring(known, end - datetime.timedelta(days=10))
    assert told == f"the certificate of the authority of etcd and Patroni ends on {end:%d %B %Y}"
    ended, soon = expiring(known, end + datetime.timedelta(days=20))
    assert "ended on" in ended
    assert soon.startswith("the certificate of db1 ends on")
