"""Keys, requests and certificates as PEM: made, read, put together."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PLACEHOLDER_DAYS = 3650
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says. Times are seconds since the epoch; names sorted."""

    names: tuple[str, ...]
    issuer: str
    not_before: float
    not_after: float
    serial: str
    self_signed: bool


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key on the curve that every client knows (P-256)."""
    return ec.generate_private_key(ec.SECP256R1())


def key_text(key: ec.EllipticCurvePrivateKey) -> str:
    """The key as PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def read_key(text: str) -> ec.EllipticCurvePrivateKey:
    """The key in a PEM text; others in it are passed over. Raises ``ValueError``."""
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    _, found, rest = text.partition(begin)
    if not found or end not in rest:
        raise ValueError("there is no key in it")
    body = begin + rest.partition(end)[0] + end + "\n"
    key = serialization.load_pem_private_key(body.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("its key is of another kind")
    return key


def request(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> bytes:
    """A signing request for these names, as PEM."""
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = made.add_extension(_alternatives(names), critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def self_signed(
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    now: datetime.datetime,
    days: float = PLACEHOLDER_DAYS,
) -> str:
    """A certificate that nobody vouches for, so that TLS is possible before there is another."""
    common = names[0] if len(names[0]) <= _LONGEST_COMMON_NAME else "self-signed"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(_alternatives(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def facts(text: str) -> Facts:
    """What the first certificate in a PEM text says. Raises ``ValueError``."""
    found = first(text)
    return Facts(
        names=_names(found),
        issuer=found.issuer.rfc4514_string() or "an authority without a name",
        not_before=found.not_valid_before_utc.timestamp(),
        not_after=found.not_valid_after_utc.timestamp(),
        serial=f"{found.serial_number:x}",
        self_signed=found.issuer == found.subject,
    )


def first(text: str) -> x509.Certificate:
    """The first certificate in a PEM text. Raises ``ValueError``."""
    return x509.load_pem_x509_certificates(text.encode())[0]


def belongs(text: str, key: ec.EllipticCurvePrivateKey) -> bool:
    """Whether the first certificate in a PEM text is one for this key."""
    return first(text).public_key() == key.public_key()


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(sorted(found.value.get_values_for_type(x509.DNSName)))


def _alternatives(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
