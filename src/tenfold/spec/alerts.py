"""The ``[alerts]`` table: who is told when something is wrong."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from tenfold.spec import values
from tenfold.spec.table import Table

_LOCAL = ("127.0.0.1", "localhost", "::1")
_TAKEN = "taken0"


def webhook_address(value: Any) -> str:
    """An https address, or plain http on this machine; all of it, or parts, from variables."""
    text = values.variable_value(value)
    if not text.startswith("${"):
        require_webhook(values.expand(text, dict.fromkeys(values.references(text), _TAKEN)))
    return text


def require_webhook(text: str) -> None:
    """Raises ``ValueError`` for what is no address that may be told."""
    try:
        parts = urlsplit(text)
        fine = bool(parts.hostname) and parts.port != 0 and not any(c.isspace() for c in text)
    except ValueError:
        parts, fine = urlsplit(""), False
    if not fine or parts.scheme not in ("https", "http"):
        raise ValueError('is no address; write "https://..." or, as it is a secret, "${NAME}"')
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise ValueError("plain http is for this machine alone; write https://")


def alert_command(text: str) -> str:
    """A command without a shell; its program is absolute or found on PATH."""
    words = shlex.split(values.command(text))
    if "/" in words[0] and not words[0].startswith("/"):
        raise ValueError(
            "is run outside of the project: write an absolute path, or a program that is on PATH"
        )
    return text


Percent = Annotated[float, Field(gt=0, le=100)]


class AlertsTable(Table):
    """Who is told, and from when on; needs [metrics]."""

    webhook: (
        Annotated[str, BeforeValidator(webhook_address), WithJsonSchema({"type": "string"})] | None
    ) = Field(
        default=None,
        description='Where a JSON object is sent by POST; as "${ALERT_WEBHOOK}": whoever knows '
        "such an address can write there.",
    )
    command: Annotated[str, Field(min_length=1), AfterValidator(alert_command)] | None = Field(
        default=None,
        description="What runs, without a shell, with the same object in $TENFOLD_ALERT.",
    )
    disk_free_percent: Percent = Field(
        default=10.0, description="Less than this is free on the disk with the data."
    )
    error_percent: Percent = Field(
        default=5.0, description="More than this of the last minute's answers are 500 or above."
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.webhook is None and self.command is None:
            raise ValueError("tells nobody: give webhook, or command, or both")
        return self
