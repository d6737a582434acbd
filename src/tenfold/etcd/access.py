"""Where etcd is, and as whom we ask."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenfold.secret import Secret


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a cluster.

    Attributes:
        urls: the client URLs of its members, the one to ask first in front.
        user: who asks, where etcd has users.
        password: of that user.
        authority: PEM file of whom to trust as a member; ``None`` trusts the system's.
        certificate: PEM file that shows who we are, where etcd asks for one.
        key: PEM file of its private key.
    """

    urls: tuple[str, ...]
    user: str | None = None
    password: Secret | None = None
    authority: str | None = None
    certificate: str | None = None
    key: str | None = None

    def to_json(self) -> dict[str, Any]:
        """All but the password, for a file."""
        told = {
            "urls": list(self.urls),
            "user": self.user,
            "authority": self.authority,
            "certificate": self.certificate,
            "key": self.key,
        }
        return {name: value for name, value in told.items() if value is not None}

    def context(self) -> ssl.SSLContext:
        """For ``https`` URLs. Raises ``OSError``: a file is not there or is none."""
        context = ssl.create_default_context(cafile=self.authority)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


def from_json(told: Mapping[str, Any], password: Secret | None = None) -> Access:
    """Read what :meth:`Access.to_json` wrote."""
    return Access(
        urls=tuple(told["urls"]),
        user=told.get("user"),
        password=password,
        authority=told.get("authority"),
        certificate=told.get("certificate"),
        key=told.get("key"),
    )
