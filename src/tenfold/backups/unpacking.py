"""Unpacking a tar so that nothing in it can lead out of its folder.

What :mod:`tarfile` filters by itself only since Python 3.11.4 (PEP 706); Debian 12 has 3.11.2.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any, Final

_AS_IT_IS: Final[dict[str, Any]] = (
    {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
)


def extract(tar: tarfile.TarFile, root: Path) -> tuple[str, ...]:
    """Unpack all that stays below ``root``; gives the names of what was left out.

    Files, folders and symbolic links; modes without set-user-ID and without what lets others write.
    """
    skipped = []
    for member in tar:
        if not _stays(member, root):
            skipped.append(member.name)
            continue
        member.mode = _mode(member)
        tar.extract(member, root, **_AS_IT_IS)
    return tuple(skipped)


def _stays(member: tarfile.TarInfo, root: Path) -> bool:
    """Whether it lies in the folder, also through links that were unpacked before it."""
    if not (member.isreg() or member.isdir() or member.issym()):
        return False
    if os.path.isabs(member.name) or not _inside(root, member.name):
        return False
    if not member.issym():
        return True
    if os.path.isabs(member.linkname):
        return False
    return _inside(root, os.path.join(os.path.dirname(member.name), member.linkname))


def _inside(root: Path, name: str) -> bool:
    real = os.path.realpath(root)
    return os.path.commonpath((real, os.path.realpath(os.path.join(real, name)))) == real


def _mode(member: tarfile.TarInfo) -> int:
    return member.mode & 0o755 | (0o600 if member.isreg() else 0o700 if member.isdir() else 0)
