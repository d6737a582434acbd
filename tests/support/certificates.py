"""Certificates for tests, and clients that trust them."""

from __future__ import annotations

import datetime
import os
import ssl
from pathlib import Path

from tests.support.edge import NOBODY

from tenfold.certificates import pem


def put(path: Path, *names: str, key: str | None = None, days: float = 30.0) -> str:
    """Have key and self-signed certificate in one file, as the edge reads it; gives its serial."""
    made = pem.read_key(key) if key else pem.new_key()
    text = pem.self_signed(made, names, datetime.datetime.now(datetime.UTC), days)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_text(pem.key_text(made) + text)
    fresh.chmod(0o600)
    if os.geteuid() == 0:
        for owned in (path.parent, fresh):
            os.chown(owned, NOBODY, NOBODY)
    fresh.replace(path)
    return pem.facts(text).serial


def trusting(path: Path, **settings: object) -> ssl.SSLContext:
    """A client that trusts the certificate in a file, checked like any other."""
    context = ssl.create_default_context()
    text = path.read_text()
    context.load_verify_locations(cadata=text[text.index("-----BEGIN CERTIFICATE") :])
    for name, value in settings.items():
        setattr(context, name, value)
    return context
