"""What publishing speaks of, as frozen values: files, manifests, publications, changes."""

from __future__ import annotations

import calendar
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tenfold.publishing.names import problem

FORMAT = 1
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
ID = re.compile(r"\d{8}-\d{6}\.\d{3}-[0-9a-f]{6}")
Algorithm = Literal["sha256", "sha1", "git"]
"""How a place names a content: SHA-256, SHA-1, or as git names a blob (SHA-1 with its header)."""
Manifest = Mapping[str, str]
"""Path, relative and with ``/``, to the digest of what it holds."""


@dataclass(frozen=True, slots=True)
class File:
    """One file to be published. ``source`` is where it lies, or the content itself."""

    digest: str
    size: int
    source: Path | bytes


@dataclass(frozen=True, slots=True)
class Site:
    """Everything to be published, by path."""

    files: Mapping[str, File]
    algorithm: Algorithm

    @property
    def manifest(self) -> dict[str, str]:
        """What shall be there."""
        return {path: file.digest for path, file in self.files.items()}

    @property
    def bytes(self) -> int:
        """How much it is in all."""
        return sum(file.size for file in self.files.values())


@dataclass(frozen=True, slots=True)
class Publication:
    """One publication of a site. ``at`` is in seconds since the epoch; -1 is unknown.

    ``id`` is the place's own where it gives one, as Netlify does.
    """

    id: str
    at: float
    files: int = -1
    bytes: int = -1

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not known is null."""
        return {
            "id": self.id,
            "at": self.at,
            "files": self.files if self.files >= 0 else None,
            "bytes": self.bytes if self.bytes >= 0 else None,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """What a place has when it is looked at.

    Attributes:
        manifest: what is served; a path whose content is not certain has the digest ``""``.
        current: the publication that it is, if it is one.
        kept: earlier publications that can be put back, the newest first.
        unfinished: says what was cut off there, if something was.
        foreign: says what is there that Tenfold did not publish, if anything is.
        mark: what the place recognises this moment by, to notice when somebody else changed it.
    """

    manifest: Manifest = field(default_factory=dict)
    current: Publication | None = None
    kept: tuple[Publication, ...] = ()
    unfinished: str | None = None
    foreign: str | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between what is served and what shall be, each part sorted by path."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    same: int = 0

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)


@dataclass(frozen=True, slots=True)
class Sent:
    """What travelled: contents, not paths, for equal contents need to travel only once.

    ``id`` is what the place calls the publication, where it does not take our name for it.
    """

    files: int
    bytes: int
    id: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A publication with its manifest, as it is kept beside the site."""

    publication: Publication
    manifest: Manifest

    def to_bytes(self) -> bytes:
        """A JSON object."""
        told = {"format": FORMAT, **self.publication.to_json(), "manifest": dict(self.manifest)}
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def moment(id: str) -> float:
    """When a publication of ours was made, in seconds since the epoch."""
    return calendar.timegm(time.strptime(id[:15], "%Y%m%d-%H%M%S")) + int(id[16:19]) / 1000


def newest_first(publications: Iterable[Publication]) -> tuple[Publication, ...]:
    """By the moment at which each was made, however often it was put back since."""
    return tuple(sorted(publications, key=lambda one: (one.at, one.id), reverse=True))


def kept_from(content: bytes) -> Kept:
    """What :meth:`Kept.to_bytes` made.

    Raises:
        ValueError: it is nothing of that kind, or of another format.
    """
    data = json.loads(content)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError("it is of another format")
    manifest, id_ = data.get("manifest"), data.get("id")
    if not isinstance(id_, str) or not ID.fullmatch(id_) or not isinstance(manifest, dict):
        raise ValueError("it describes no publication")
    if not all(isinstance(d, str) and _DIGEST.fullmatch(d) for d in manifest.values()):
        raise ValueError("its manifest is none")
    if any(problem(path) is not None for path in manifest):
        raise ValueError("its manifest names what cannot be a file")
    at = data.get("at")
    return Kept(
        Publication(
            id_,
            float(at) if isinstance(at, int | float) else -1,
            _count(data.get("files")),
            _count(data.get("bytes")),
        ),
        manifest,
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) else -1
