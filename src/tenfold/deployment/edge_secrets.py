"""What the edge needs and nobody may read: passwords, keys, and whom to trust."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tenfold.deployment.own_certificate import own_certificate, trusted_roots
from tenfold.secret import Secret
from tenfold.spec import read
from tenfold.spec.model import AppSpec
from tenfold.state.layout import Layout

SALT = "edge.salt"
"""Generated, with which passwords are hashed."""


def passwords(spec: AppSpec, environ: Mapping[str, str], *, path: Path | None) -> dict[str, Secret]:
    """The passwords of those who may come in; see :func:`given`."""
    users = read.passwords(spec, environ, path=path)
    return {f"edge.user.{user}": password for user, password in users.items()}


def given(
    spec: AppSpec, layout: Layout, environ: Mapping[str, str], *, path: Path | None
) -> dict[str, Secret]:
    """What the user gives to the edge, by the names under which engines find it.

    Raises:
        SpecError: a password is not set, see :func:`tenfold.spec.read.passwords`.
        Refused: a file cannot be used, see :mod:`tenfold.deployment.own_certificate`.
    """
    found = passwords(spec, environ, path=path)
    own, roots = own_certificate(spec, layout), trusted_roots(spec, layout)
    if own is not None:
        found["edge.certificate"] = own
    if roots:
        found["edge.acme_ca"] = Secret(roots)
    return found
