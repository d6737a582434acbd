"""Where etcd is, and as whom we ask."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass

from tenfold.secret import Secret


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a cluster.

    Attributes:
        urls: the client URLs of its members, the one to ask first in front.
        user: who asks, where etcd has users.
        password: of that user.
        authority: whom to trust as a member, PEM; ``None`` trusts whom the system trusts.
        certificate: who we are where etcd asks for certificates, with its private key, PEM.
    """

    urls: tuple[str, ...]
    user: str | None = None
    password: Secret | None = None
    authority: str | None = None
    certificate: Secret | None = None

    def context(self) -> ssl.SSLContext:
        """For ``https`` URLs. Raises ``OSError``: what should be a certificate is none."""
        context = ssl.create_default_context(cadata=self.authority)
        if self.certificate is not None:
            # OpenSSL reads them from a file alone; this one is on no disk, and goes with us.
            with os.fdopen(os.memfd_create("certificate"), "w") as file:
                file.write(self.certificate.reveal())
                file.flush()
                context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        return context
