"""What the keeper of a certificate is told, as the engine ``acme`` wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Config:
    """``names`` must all be in the certificate, the site's own first. ``directory`` is the URL of
    the authority, ``roots`` a PEM file with whom to trust as its server, empty for the usual ones.
    """

    names: tuple[str, ...]
    directory: str
    folder: Path
    email: str = ""
    roots: str = ""

    @property
    def site(self) -> Path:
        """Key and chain in one file, as the edge reads it."""
        return self.folder / "site.pem"

    @property
    def state(self) -> Path:
        """What is known, for the keeper itself and for ``tenfold status``."""
        return self.folder / "state.json"

    @property
    def ready(self) -> Path:
        """There once the keeper has read its configuration."""
        return self.folder / "ready"

    @property
    def challenges(self) -> Path:
        """What the edge shows to an authority."""
        return self.folder / "public" / ".well-known" / "acme-challenge"


def read(path: Path) -> Config:
    """The configuration in a file. Raises ``OSError``, ``ValueError``, ``KeyError``."""
    data = json.loads(path.read_text())
    return Config(
        names=tuple(data["names"]),
        directory=data["directory"],
        folder=Path(data["folder"]),
        email=data["email"],
        roots=data["roots"],
    )
