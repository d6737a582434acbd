"""Generated passwords, in one file of mode 0600, made once per deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tenfold.secret import Secret
from tenfold.state import private


def ensure(path: Path, names: Iterable[str]) -> Mapping[str, Secret]:
    """The secrets of these names; missing ones are generated and kept.

    Raises:
        Refused: the file is unreadable or open to others.
    """
    known = load(path)
    missing = [name for name in names if name not in known]
    if missing:
        known = {**known, **{name: Secret.generate() for name in missing}}
        _save(path, known)
    return known


def remember(path: Path, values: Mapping[str, Secret]) -> None:
    """Keep these, in place of what the same names held before."""
    known = load(path)
    if values and any(known.get(name) != value for name, value in values.items()):
        _save(path, {**known, **values})


def load(path: Path) -> dict[str, Secret]:
    """What the file holds; nothing if it is not there yet. Raises ``Refused``."""
    return {name: Secret(value) for name, value in private.read_json(path).items()}


def _save(path: Path, secrets: Mapping[str, Secret]) -> None:
    private.write_json(path, {name: secret.reveal() for name, secret in secrets.items()})
