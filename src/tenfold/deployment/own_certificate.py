"""The user's own certificate: read, checked, and made one text of."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold import trusted
from tenfold.errors import Refused
from tenfold.secret import Secret

if TYPE_CHECKING:
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout

MOST_BYTES = 1 << 20


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
