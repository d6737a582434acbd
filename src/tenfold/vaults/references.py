"""References to values that are kept elsewhere: which program gives one, and what it prints. Pure.

Arguments and output are those of the programs' documentation: ``op read`` at
developer.1password.com, ``vault kv get`` at developer.hashicorp.com, and
``aws secretsmanager get-secret-value`` at docs.aws.amazon.com. ``bao kv get`` of openbao.org takes
what ``vault kv get`` does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tenfold.errors import UsageError

MAX_LENGTH = 500
HOW = (
    "op://VAULT/ITEM/FIELD                 1Password\n"
    "vault://MOUNT/PATH#FIELD              HashiCorp Vault or OpenBao, key/value\n"
    "aws-secret://NAME-OR-ARN              AWS Secrets Manager\n"
    "aws-secret://NAME-OR-ARN#KEY          one key of a JSON object there"
)
INSTEAD: Final[Mapping[str, tuple[str, ...]]] = {"vault": ("bao",)}
"""Programs that take the same arguments, for where the first is not there."""
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


class NoValue(ValueError):
    """The program printed something that holds no such value; the text never quotes it."""


class Reference(Protocol):
    """One reference."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The program that gives the value, and its arguments."""

    def value(self, printed: str) -> str:
        """The value in what the program printed. Raises ``NoValue``."""


@dataclass(frozen=True, slots=True)
class OnePassword:
    """``op://vault/item/[section/]field``, as 1Password writes it; spaces may be part of it."""

    text: str

    @property
    def argv(self) -> tuple[str, ...]:
        """See :class:`Reference`."""
        return ("op", "read", "--no-newline", self.text)

    def value(self, printed: str) -> str:
        """See :class:`Reference`."""
        return printed


@dataclass(frozen=True, slots=True)
class Vault:
    """A field of a secret in a key/value engine; ``-mount`` needs Vault 1.11 or newer, or any
    OpenBao."""

    mount: str
    path: str
    field: str

    @property
    def argv(self) -> tuple[str, ...]:
        """See :class:`Reference`."""
        return ("vault", "kv", "get", f"-mount={self.mount}", f"-field={self.field}", self.path)

    def value(self, printed: str) -> str:
        """See :class:`Reference`. ``-field`` prints the value alone, without a newline."""
        return printed


@dataclass(frozen=True, slots=True)
class AwsSecret:
    """A secret's text, or one key of the JSON object that it is."""

    id: str
    key: str | None = None

    @property
    def argv(self) -> tuple[str, ...]:
        """See :class:`Reference`."""
        get = ("aws", "secretsmanager", "get-secret-value")
        return (*get, "--secret-id", self.id, "--output", "json")

    def value(self, printed: str) -> str:
        """See :class:`Reference`."""
        text = _object(printed, "the answer").get("SecretString")
        if not isinstance(text, str):
            raise NoValue("it holds no text (SecretString); binary secrets are not supported")
        if self.key is None:
            return text
        found = _object(text, "the secret").get(self.key)
        if not isinstance(found, str | int | float):
            raise NoValue(f"it has no text under the key {self.key}")
        return str(found)


def parse(text: str) -> Reference:
    """The reference that a text is.

    Raises:
        UsageError: it is none.
    """
    scheme, _, rest = text.partition("://")
    if len(text) > MAX_LENGTH or any(ord(mark) < 32 or ord(mark) == 127 for mark in text):
        raise _refused(f"a reference has at most {MAX_LENGTH} characters on one line")
    if scheme == "op":
        return _one_password(text, rest)
    if _CONTROL.search(text):
        raise _refused(f"{text}: a space cannot be part of it")
    if scheme == "vault":
        return _vault(text, rest)
    if scheme == "aws-secret":
        name, _, key = rest.partition("#")
        if not name or name.startswith("-"):
            raise _refused(f"{text} names no secret")
        return AwsSecret(name, key or None)
    raise _refused(f"{text} is no reference")


def _one_password(text: str, rest: str) -> OnePassword:
    parts = rest.partition("?")[0].split("/")
    if len(parts) not in (3, 4) or not all(parts):
        raise _refused(f"{text} is not op://VAULT/ITEM/FIELD, nor op://VAULT/ITEM/SECTION/FIELD")
    return OnePassword(text)


def _vault(text: str, rest: str) -> Vault:
    where, _, field = rest.partition("#")
    mount, _, path = where.partition("/")
    if not mount or not path or not field or path.startswith("-"):
        raise _refused(f"{text} is not vault://MOUNT/PATH#FIELD")
    return Vault(mount, path, field)


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        raise NoValue(f"{what} is no JSON") from None
    if not isinstance(found, dict):
        raise NoValue(f"{what} is no JSON object")
    return found


def _refused(why: str) -> UsageError:
    return UsageError(why, next=HOW)
