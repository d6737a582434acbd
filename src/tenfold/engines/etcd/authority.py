"""Who may talk to etcd and to Patroni: whoever has a certificate of the deployment's own authority.

On a host that others use, too, a port on loopback is open to all of them, and whoever takes the
port of a process that is down could be taken for it. So both sides show a certificate, always.
Clock, keys and serial numbers apart this is pure.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tenfold.engines.etcd.names import AUTHORITY, AUTHORITY_KEY, host_secret
from tenfold.secret import Secret

YEARS = 10
"""How long it is good for: whoever could replace it in time could as well read the key."""
SOON: Final = datetime.timedelta(days=90)
_BACKDATED = datetime.timedelta(days=1)  # clocks of hosts differ


def new_authority(app: str, now: datetime.datetime) -> dict[str, Secret]:
    """An authority of a deployment's own: its certificate and its key, by their names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"{app} (Tenfold)")
    made = (
        _begun(name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return {AUTHORITY: Secret(_text(made)), AUTHORITY_KEY: Secret(_key_text(key))}


def new_host(
    authority: Secret, authority_key: Secret, host: str, address: str, now: datetime.datetime
) -> Secret:
    """A host's certificate, as server and as client, with its key behind it, as one PEM text.

    Raises:
        ValueError: the authority is none, or the address is no IP address.
    """
    issuer = x509.load_pem_x509_certificate(authority.reveal().encode())
    signer = serialization.load_pem_private_key(authority_key.reveal().encode(), None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority's key is of another kind")
    key = ec.generate_private_key(ec.SECP256R1())
    # etcd compares these with where a peer comes from, which on loopback is 127.0.0.1.
    found = {ip_address(address)}
    if ip_address(address).is_loopback:
        found.add(ip_address("127.0.0.1"))
    names = x509.SubjectAlternativeName([x509.IPAddress(a) for a in sorted(found, key=str)])
    usages = x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    )
    known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    made = (
        _begun(_named(host), issuer.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(usages, critical=False)
        .add_extension(names, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    return Secret(_text(made) + _key_text(key))


def expiring(known: Mapping[str, Secret], now: datetime.datetime) -> tuple[str, ...]:
    """Which certificates among these secrets end within 90 days, or have ended; in sentences.

    Raises:
        ValueError: one is no certificate.
    """
    hosts = {n.removeprefix(host_secret("")): n for n in known if n.startswith(host_secret(""))}
    whose = {f"of {host}": name for host, name in sorted(hosts.items())}
    if AUTHORITY in known:
        whose = {"of the authority of etcd and Patroni": AUTHORITY, **whose}
    told = []
    for who, name in whose.items():
        found = x509.load_pem_x509_certificate(known[name].reveal().encode())
        ends = found.not_valid_after_utc
        if ends - now < SOON:
            verb = "ended" if ends <= now else "ends"
            told.append(f"the certificate {who} {verb} on {ends:%d %B %Y}")
    return tuple(told)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
