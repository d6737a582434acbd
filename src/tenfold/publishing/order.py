"""What is different between two manifests, and in which order to make it so. Pure.

Where a place changes file by file, the order is all that visitors have. Its rule: **whatever names
a file comes after that file**. Pictures and fonts go first, then style sheets and scripts, which
name them, then pages that are new, then pages that change, which may name those, then what lists
pages. Only then are files deleted, pages first, so that nothing that is still there names them.
"""

from __future__ import annotations

from collections.abc import Iterable

from tenfold.publishing.kinds import is_page
from tenfold.publishing.model import Changes, Manifest

_NAMING = (".css", ".js", ".mjs", ".json", ".webmanifest", ".svg", ".wasm", ".map")
_LISTING = (".xml", ".rss", ".atom", ".txt")
_FILE, _NAMES_FILES, _PAGE, _LISTS = range(4)


def difference(now: Manifest, wanted: Manifest) -> Changes:
    """What to do so that ``wanted`` is served where ``now`` is."""
    both = wanted.keys() & now.keys()
    changed = {path for path in both if wanted[path] != now[path]}
    return Changes(
        new=tuple(sorted(wanted.keys() - now.keys())),
        changed=tuple(sorted(changed)),
        gone=tuple(sorted(now.keys() - wanted.keys())),
        same=len(both) - len(changed),
    )


def to_write(changes: Changes) -> tuple[str, ...]:
    """Every path that gets another content, in the order to write them."""
    new = frozenset(changes.new)
    return tuple(
        sorted((*changes.new, *changes.changed), key=lambda p: (_rank(p), p not in new, p))
    )


def to_delete(changes: Changes) -> tuple[str, ...]:
    """Every path that goes, in the order to delete them: whatever names others goes before them."""
    return tuple(sorted(changes.gone, key=lambda path: (-_rank(path), path)))


def stages(paths: Iterable[str], new: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The paths of :func:`to_write` in groups: those of one may be written side by side."""
    fresh = frozenset(new)
    groups: dict[tuple[int, bool], list[str]] = {}
    for path in paths:
        groups.setdefault((_rank(path), path not in fresh), []).append(path)
    return tuple(tuple(groups[key]) for key in sorted(groups))


def _rank(path: str) -> int:
    if is_page(path):
        return _PAGE
    lower = path.lower()
    if lower.endswith(_LISTING):
        return _LISTS
    return _NAMES_FILES if lower.endswith(_NAMING) else _FILE
