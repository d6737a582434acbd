"""The user's own certificate: read, checked, made one text of; and how it stands once it serves."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold import trusted
from tenfold.deployment.ending import DAY_SECONDS, ends_soon, span
from tenfold.errors import Refused
from tenfold.secret import Secret

if TYPE_CHECKING:
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout

MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """One glance at the certificate of the user's own that the edge shows. Times in seconds.

    ``files`` are where it came from, as ``[edge] tls`` names them; ``next_until`` is until when
    the one is good that lies there now, if that is a later one.
    """

    names: tuple[str, ...]
    issuer: str
    self_signed: bool
    not_before: float
    not_after: float
    files: tuple[str, str]
    now: float
    next_until: float | None = None

    @property
    def days_left(self) -> float:
        """Until it ends; negative once it has."""
        return (self.not_after - self.now) / DAY_SECONDS

    @property
    def urgent(self) -> bool:
        """Whether a person should look at it now: nobody else renews it."""
        early = self.now < self.not_before
        return early or ends_soon(self.not_before, self.not_after, self.now)

    def sentences(self) -> tuple[str, ...]:
        """How it stands, for people; what to do comes last."""
        site = self.names[0] if self.names else "the site"
        if not self.urgent:
            return (f"certificate of your own from {self.issuer}, good for {self._left()}",)
        return self._standing(site), self._next()

    def _left(self) -> str:
        return span(self.not_after - self.now)

    def _standing(self, site: str) -> str:
        if self.now < self.not_before:
            begins = span(self.not_before - self.now)
            return f"the certificate of {site} is good in {begins} only: browsers refuse it"
        if self.days_left <= 0:
            ago = span(self.now - self.not_after)
            return f"the certificate of {site} ended {ago} ago: browsers refuse it"
        return f"the certificate of {site} ends in {self._left()}, and nobody here renews it"

    def _next(self) -> str:
        certificate, key = self.files
        if self.next_until is not None:
            good = span(self.next_until - self.now)
            return f"{certificate} has a later one, good for {good}: tenfold deploy brings it"
        return f"put a new one into {certificate} and {key}, then tenfold deploy"

    def to_json(self) -> dict[str, Any]:
        """The documented object, with the keys that an automatic one has."""
        problem = None
        if self.urgent:
            what, then = self.sentences()
            problem = {"kind": "own", "what": what, "next": then}
        return {
            "kind": "own",
            "urgent": self.urgent,
            "names": list(self.names),
            "issuer": self.issuer,
            "self_signed": self.self_signed,
            "not_after": self.not_after,
            "days_left": round(self.days_left, 2),
            "renew_at": None,
            "failures": 0,
            "trying": False,
            "problem": problem,
        }


def standing(spec: AppSpec, layout: Layout, shown: str, now: float) -> OwnCertificate:
    """How the certificate stands whose PEM text the edge shows, of a release with this file.

    Raises:
        Refused: there is no certificate in the text.
    """
    from tenfold.certificates import pem  # a tenth of a second that few commands need

    tls = spec.edge.tls
    try:
        found = pem.facts(shown)
    except (ValueError, IndexError):
        raise Refused("the certificate that the edge shows cannot be read") from None
    return OwnCertificate(
        names=found.names,
        issuer=found.issuer,
        self_signed=found.self_signed,
        not_before=found.not_before,
        not_after=found.not_after,
        files=(tls.certificate, tls.key),
        now=now,
        next_until=_later(layout.project / tls.certificate, found.not_after),
    )


def _later(path: Path, than: float) -> float | None:
    """Until when the certificate in a file is good, if that is later; what is wrong with the file
    is told by the deploy that would bring it."""
    from tenfold.certificates import pem

    try:
        until = pem.facts(_text(path)).not_after
    except (Refused, ValueError, IndexError):
        return None
    return until if until > than else None


def own_certificate(spec: AppSpec, layout: Layout) -> Secret | None:
    """Key and chain of ``[edge] tls``, as one PEM text; ``None`` where that names no files.

    Raises:
        Refused: a file cannot be read, is no such thing, or the two do not belong together; or root
            would read them for somebody who can write ``tenfold.toml`` and is not root.
    """
    tls = spec.edge.tls
    if tls.mode != "files":
        return None
    _require_own_file(layout.spec)
    chain = _text(layout.project / tls.certificate)
    key = _text(layout.project / tls.key)
    both = Secret(f"{key.strip()}\n{chain.strip()}\n")
    _require_pair(both, tls.certificate, tls.key)
    return both


def trusted_roots(spec: AppSpec, layout: Layout) -> str:
    """The certificates of ``[edge] acme_ca`` as PEM; empty where it is not given. Raises as above.

    Only certificates are taken over, whatever else the file has.
    """
    if spec.edge.acme_ca is None:
        return ""
    path = layout.project / spec.edge.acme_ca
    from cryptography import x509  # a tenth of a second that few commands need
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found = x509.load_pem_x509_certificates(_text(path).encode())
    except ValueError as error:
        raise Refused(f"{path} has no certificate of an authority in it") from error
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)


def _require_own_file(file: Path) -> None:
    """Root must not read somebody's key because somebody else's file names it."""
    why = trusted.doubt(file)
    if why is not None:
        raise Refused(
            f"root does not read the key that {file.name} names: {why}",
            next=f"chown root {file}, and its folders, or run Tenfold as the user that has the key",
        )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) <= MOST_BYTES:
            return data.decode("ascii")
    except OSError as error:
        raise Refused(
            f"{path} cannot be read: {error.strerror}", next="see [edge] in tenfold.toml"
        ) from error
    except UnicodeDecodeError:
        pass
    raise Refused(f"{path} is no PEM file", next="see [edge] in tenfold.toml")


def _require_pair(both: Secret, certificate: str, key: str) -> None:
    """OpenSSL itself says whether the two are a pair; it reads files alone."""
    with tempfile.NamedTemporaryFile(prefix="tenfold-", suffix=".pem") as file:
        file.write(both.reveal().encode())
        file.flush()
        try:
            # An empty password: an encrypted key is refused instead of asked for.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file.name, password="")
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or "not readable"
            raise Refused(
                f"{certificate} and {key} are no certificate with its key:"
                f" {reason.lower().replace('_', ' ')}",
                next="give the whole chain, the site's own first, and its key, not encrypted",
            ) from error
