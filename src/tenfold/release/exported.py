"""Folders of the project that exports were written to: made of a release, and no part of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

NAME: Final = "exports.json"
"""In the deployment's state: the files that an export wrote, by the folder's absolute path."""


def folders(state: Path, project: Path) -> tuple[str, ...]:
    """Those within the project, relative to it; what cannot be read names none."""
    try:
        known = json.loads((state / NAME).read_text("utf-8"))
        places = [Path(place) for place in known]
    except (OSError, ValueError, TypeError):
        return ()
    inside = (place for place in places if place.is_relative_to(project) and place != project)
    return tuple(sorted(str(place.relative_to(project)) for place in inside))
