"""What is kept beside a site in its bucket, and how it is called. Pure.

::

    .tenfold/contents/DIGEST-TYPE      every content, as it is copied into its place
    .tenfold/publications/ID.json.gz   the manifest of a publication
    .tenfold/current.json              which one is served
    .tenfold/intent.json               which one is being put into place, while that happens
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

from tenfold.errors import PublishError
from tenfold.publishing import packing
from tenfold.publishing.kinds import type_of
from tenfold.publishing.model import ID, Kept, Manifest, kept_from
from tenfold.publishing.names import OWN
from tenfold.publishing.order import difference

CONTENTS: Final = f"{OWN}/contents/"
PUBLICATIONS: Final = f"{OWN}/publications/"
CURRENT: Final = f"{OWN}/current.json"
INTENT: Final = f"{OWN}/intent.json"
JSON: Final = "application/json"
GZIP: Final = "application/gzip"
_ENDING: Final = ".json.gz"


@dataclass(frozen=True, slots=True)
class Intent:
    """A publication that is being put into place: which, since when, by whom, instead of which."""

    id: str
    at: float
    owner: str
    before: str | None


def content_name(path: str, digest: str) -> str:
    """Where a content is kept. A copy takes its type along, so the type is part of the name."""
    kind = hashlib.sha256(type_of(path).encode()).hexdigest()[:8]
    return f"{CONTENTS}{digest}-{kind}"


def publication_name(id: str) -> str:
    """Where a manifest is kept."""
    return f"{PUBLICATIONS}{id}{_ENDING}"


def publication_id(name: str) -> str | None:
    """Of which publication this is the manifest; ``None`` if of none."""
    id_ = name.removeprefix(PUBLICATIONS).removesuffix(_ENDING)
    return id_ if ID.fullmatch(id_) else None


def packed(kept: Kept) -> bytes:
    """A manifest as it is kept."""
    return packing.packed(kept.to_bytes())


def unpacked(content: bytes, where: str) -> Kept:
    """What :func:`packed` made. Raises ``PublishError``."""
    try:
        return kept_from(packing.unpacked(content))
    except ValueError as error:
        raise damaged(where, f"a manifest in {PUBLICATIONS} cannot be read: {error}") from error


def current(content: bytes | None, where: str) -> str | None:
    """The id in ``current.json``. Raises ``PublishError``."""
    if content is None:
        return None
    try:
        found = json.loads(content)["id"]
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(where, f"{CURRENT} cannot be read") from error
    if not isinstance(found, str) or not ID.fullmatch(found):
        raise damaged(where, f"{CURRENT} names no publication")
    return found


def current_to_bytes(id: str) -> bytes:
    """What ``current.json`` holds."""
    return json.dumps({"format": 1, "id": id}).encode()


def intent(content: bytes | None, where: str) -> Intent | None:
    """What ``intent.json`` says. Raises ``PublishError``."""
    if content is None:
        return None
    try:
        data = json.loads(content)
        found = Intent(data["id"], float(data["at"]), str(data["owner"]), data["before"])
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(where, f"{INTENT} cannot be read") from error
    if not isinstance(found.id, str) or not ID.fullmatch(found.id):
        raise damaged(where, f"{INTENT} names no publication")
    return found


def intent_to_bytes(intent: Intent) -> bytes:
    """What ``intent.json`` holds."""
    return json.dumps({"format": 1, **asdict(intent)}).encode()


def between(before: Manifest, wanted: Manifest) -> dict[str, str]:
    """What is served while one publication replaces another: nobody knows of what differs.

    Such a path has the digest ``""``, which is no content's: it is written, or deleted, anew.
    """
    changes = difference(before, wanted)
    unsure = dict.fromkeys((*changes.new, *changes.changed, *changes.gone), "")
    return {**before, **unsure}


def damaged(where: str, why: str) -> PublishError:
    """What Tenfold keeps there is not as it left it."""
    return PublishError(
        f"{where}: {why}",
        changed="nothing was changed now",
        next=f"bring {OWN}/ back as it was; or delete it there, then  tenfold publish --take-over"
        "  publishes everything anew",
    )
