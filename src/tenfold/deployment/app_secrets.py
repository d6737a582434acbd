"""The app's secrets: set, removed, and fetched anew from where they are kept. Needs the lock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tenfold.errors import Refused
from tenfold.state import app_secrets
from tenfold.state.app_secrets import Kept
from tenfold.state.layout import Layout
from tenfold.state.lock import user
from tenfold.vaults.fetch import fetch
from tenfold.vaults.references import parse

FACT = "app_secrets"
"""Fact: name -> version of the secrets that the workers run with."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of names that were set."""

    new: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


def put(layout: Layout, values: Mapping[str, str], origin: str) -> Changes:
    """Keep these values.

    Raises:
        UsageError: one is no value that a variable can have.
        Refused: they cannot be written.
    """
    made = {
        name: Kept(
            value=app_secrets.require_value(value, name),
            origin=origin,
            set_at=time.time(),
            by=user(),
            version=app_secrets.new_version(),
        )
        for name, value in values.items()
    }
    return _keep(layout, made)


def refer(layout: Layout, name: str, reference: str) -> Changes:
    """Keep a reference, and the value that it stands for now.

    Raises:
        UsageError: it is none.
        Refused: its value cannot be had.
    """
    parse(reference)
    value = fetch({name: reference})[name]
    kept = Kept(
        value=app_secrets.require_value(value, name),
        origin=reference,
        set_at=time.time(),
        by=user(),
        version=app_secrets.new_version(),
        reference=reference,
        fetched_at=time.time(),
    )
    return _keep(layout, {name: kept})


def remove(layout: Layout, names: tuple[str, ...]) -> None:
    """Keep these no longer.

    Raises:
        Refused: one is not there.
    """
    known = app_secrets.load(layout.app_secrets)
    missing = [name for name in names if name not in known]
    if missing:
        raise Refused(f"there is no secret {', '.join(missing)}", next="tenfold secrets list")
    app_secrets.save(layout.app_secrets, {n: k for n, k in known.items() if n not in names})


def refresh(layout: Layout) -> None:
    """Fetch what every reference stands for now.

    Raises:
        Refused: one cannot be had; names it. All are as they were then.
    """
    known = app_secrets.load(layout.app_secrets)
    found = fetch({name: kept.reference for name, kept in known.items() if kept.reference})
    for name, value in found.items():
        new = replace(
            known[name],
            value=app_secrets.require_value(value, name),
            version=app_secrets.new_version(),
            fetched_at=time.time(),
        )
        known = app_secrets.changed(known, name, new)
    if found:
        app_secrets.save(layout.app_secrets, known)


def _keep(layout: Layout, made: Mapping[str, Kept]) -> Changes:
    before = app_secrets.load(layout.app_secrets)
    after = before
    for name, kept in made.items():
        after = app_secrets.changed(after, name, kept)
    app_secrets.save(layout.app_secrets, after)
    known = [name for name in made if name in before]
    same = tuple(name for name in known if before[name].version == after[name].version)
    return Changes(
        new=tuple(name for name in made if name not in before),
        replaced=tuple(name for name in known if name not in same),
        same=same,
    )
