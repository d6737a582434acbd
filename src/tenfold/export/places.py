"""Where in the folder an answer lands, and what clashes there. Pure.

Pretty addresses: a page ``/about`` is ``about/index.html``, which every static host serves at
``/about/`` and, with a redirect at most, at ``/about``.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Final

from tenfold.export import paths
from tenfold.spec.site_path import fault

NOT_FOUND: Final = "404.html"
REDIRECTS: Final = "_redirects"
HEADERS: Final = "_headers"
OWN: Final = (REDIRECTS, HEADERS)
"""What an export writes itself; no page may go there."""
_PAGES: Final = (".html", ".htm")


def place(asked: str, *, html: bool) -> str:
    """The file of a path, relative to the folder.

    Raises:
        ValueError: the path can be no file there; says why.
    """
    wrong = fault(asked)
    if wrong is not None:
        raise ValueError(wrong)
    name = paths.key(asked).lstrip("/")
    if not name:
        return "index.html"
    if html and not name.lower().endswith(_PAGES):
        return f"{name}/index.html"
    return f"{name}/index.html" if asked.endswith("/") else name


@dataclass(slots=True)
class Places:
    """Which files there are, and whose; two that some file systems do not tell apart clash."""

    _files: dict[str, tuple[str, str]] = field(default_factory=dict)
    _folders: dict[str, str] = field(default_factory=dict)

    def claim(self, place: str, owner: str) -> str | None:
        """Take a place for a path or a file of the project; why that cannot be, or ``None``."""
        folded = _folded(place)
        if folded in self._files:
            other, whose = self._files[folded]
            if other == place:
                return f"goes to {place}, and so does {whose}"
            return f"goes to {place}, which Windows and macOS take for {other} of {whose}"
        if folded in self._folders:
            return f"goes to {place}, which is a folder for {self._folders[folded]}"
        parents = list(_parents(folded))
        for parent in parents:
            if parent in self._files:
                other, whose = self._files[parent]
                return f"goes to {place}, but {other} is a file, for {whose}"
        self._files[folded] = (place, owner)
        for parent in parents:
            self._folders.setdefault(parent, owner)
        return None

    def __contains__(self, place: str) -> bool:
        return self._files.get(_folded(place), ("",))[0] == place

    def __len__(self) -> int:
        return len(self._files)

    def names(self) -> list[str]:
        """Every file, sorted."""
        return sorted(place for place, _ in self._files.values())


def _folded(place: str) -> str:
    if place.isascii():
        return place.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", place).casefold())


def _parents(place: str) -> list[str]:
    parts = place.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]
