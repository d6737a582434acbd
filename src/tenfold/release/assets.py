"""Static files of the release that serves, and of the one before, under two fixed names.

The edge looks below ``current`` first and below ``previous`` then, so that a page that was
delivered before a deploy still finds the files that it names.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tenfold.release import scratch
from tenfold.release.record import Release


def publish(release: Release, assets: Path) -> None:
    """Point ``current`` at the release's files, and ``previous`` at those it pointed at so far.

    Each link changes at once, never missing in between. ``previous`` goes first: interrupted, both
    lead to the old release. Publishing the current release again changes nothing.
    """
    assets.mkdir(mode=0o755, parents=True, exist_ok=True)
    target = str(release.app)
    old = _target(assets / "current")
    if old == target:
        return
    if old is not None:
        point(assets / "previous", old)
    point(assets / "current", target)
    scratch.sync(assets)


def _target(link: Path) -> str | None:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return None


def point(link: Path, target: str) -> None:
    """Have a link lead there, at once: it is never missing in between."""
    fresh = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    fresh.symlink_to(target)
    os.replace(fresh, link)
