"""Environments for the apps under test, made once and kept in ``.cache/venvs``."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "venvs"
FASTAPI = ("fastapi==0.*", "uvicorn[standard]==0.*", "psycopg[binary,pool]==3.*")
WSGI = ("gunicorn>=23", "psycopg[binary]==3.*")


def environment(name: str, requirements: tuple[str, ...]) -> Path:
    """A virtual environment with these packages; its directory is named by both."""
    digest = hashlib.sha256("\n".join((sys.version, *requirements)).encode()).hexdigest()[:10]
    path = CACHE / f"{name}-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / ".ready").exists():
            shutil.rmtree(path, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(path)], check=True)
            pip = [str(path / "bin/python"), "-m", "pip", "install", "--quiet"]
            subprocess.run([*pip, "--disable-pip-version-check", *requirements], check=True)
            (path / ".ready").touch()
    return path
