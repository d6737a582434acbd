"""What ``tenfold secrets`` keeps for the app: values, and references to values kept elsewhere.

They lie in ``app-secrets.json``, mode 0600, not encrypted: decision 0016 says why.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tenfold.errors import UsageError
from tenfold.secret import Secret
from tenfold.state import private

MAX_VALUE_BYTES = 64 << 10
MAX_TOTAL_BYTES = 512 << 10
MAX_COUNT = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """One secret; ``version`` changes whenever its value does.

    ``origin`` says to people where it came from; for a ``reference`` the value is what it stood for
    when it was fetched last. Times are in seconds since the epoch.
    """

    value: Secret
    origin: str
    set_at: float
    by: str
    version: str
    reference: str | None = None
    fetched_at: float | None = None


Secrets = Mapping[str, Kept]


def load(path: Path) -> dict[str, Kept]:
    """Every secret by its name, in order. Raises ``Refused`` for a file that is open to others."""
    read = private.read_json(path)
    return {name: _from_json(data) for name, data in sorted(read.items())}


def save(path: Path, secrets: Secrets) -> None:
    """Keep these, and no others.

    Raises:
        UsageError: they are too many, or too long together for a process.
        Refused: the disk does not take them.
    """
    total = sum(len(f"{name}={kept.value.reveal()}".encode()) for name, kept in secrets.items())
    if len(secrets) > MAX_COUNT or total > MAX_TOTAL_BYTES:
        raise UsageError(
            f"more than {MAX_COUNT} secrets, or {MAX_TOTAL_BYTES >> 10} KiB of them",
            next="keep large things in files; an environment has little room",
        )
    private.write_json(path, {name: _to_json(kept) for name, kept in secrets.items()})


def changed(secrets: Secrets, name: str, new: Kept) -> dict[str, Kept]:
    """The secrets with one set; a value that is the same as before keeps its version."""
    before = secrets.get(name)
    if before is not None and before.value == new.value:
        new = replace(new, version=before.version)
    return {**secrets, name: new}


def new_version() -> str:
    """One that there was never before."""
    return os.urandom(6).hex()


def require_value(text: str, name: str) -> Secret:
    """A value that an environment variable can have.

    Raises:
        UsageError: it is empty, too long, or has a NUL.
    """
    if not text:
        raise UsageError(f"the value of {name} is empty", next=f"tenfold secrets unset {name}")
    if "\x00" in text:
        raise UsageError(f"the value of {name} has a NUL, which no environment variable can have")
    if len(text.encode(errors="surrogateescape")) > MAX_VALUE_BYTES:
        raise UsageError(f"the value of {name} has more than {MAX_VALUE_BYTES >> 10} KiB")
    return Secret(text)


def versions(secrets: Secrets) -> dict[str, str]:
    """Which value of each: says that one changed without saying what it is."""
    return {name: kept.version for name, kept in secrets.items()}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What is different between two :func:`versions`, as sentences."""
    new = [name for name in now if name not in before]
    gone = [name for name in before if name not in now]
    other = [name for name in now if name in before and now[name] != before[name]]
    told = (
        (new, "is new", "are new"),
        (other, "has another value", "have other values"),
        (gone, "is gone", "are gone"),
    )
    return tuple(
        f"secret{'s' * (len(names) > 1)} {', '.join(names)} {one if len(names) == 1 else many}"
        for names, one, many in told
        if names
    )


def _from_json(data: Mapping[str, Any]) -> Kept:
    return Kept(**{**data, "value": Secret(data["value"])})


def _to_json(kept: Kept) -> dict[str, Any]:
    return {
        "value": kept.value.reveal(),
        "origin": kept.origin,
        "set_at": kept.set_at,
        "by": kept.by,
        "version": kept.version,
        "reference": kept.reference,
        "fetched_at": kept.fetched_at,
    }
