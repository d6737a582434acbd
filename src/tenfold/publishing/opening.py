"""From ``[publish]`` to its place: with its secrets, and with nobody else of this project at it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tenfold.errors import UsageError
from tenfold.publishing import work
from tenfold.publishing.model import Publication
from tenfold.publishing.place import Listener, Place
from tenfold.secret import Secret
from tenfold.spec import publish as spec_of
from tenfold.spec import read
from tenfold.spec.model import AppSpec
from tenfold.spec.publish import PublishTable
from tenfold.spec.values import references
from tenfold.state import app_secrets
from tenfold.state.layout import Layout
from tenfold.state.lock import Lock

ANYBODY: Final = "x-access-token"
"""Whatever stands beside a token at GitHub; GitLab and others take any name, too."""


@contextmanager
def opened(
    layout: Layout, environ: Mapping[str, str], *, reason: str = "publish"
) -> Iterator[tuple[AppSpec, Place]]:
    """The place of a project, while nobody else of this project publishes.

    Args:
        layout: of the project.
        environ: where variables are looked up that are no secrets of the app.
        reason: why the lock is held.

    Raises:
        UsageError: ``tenfold.toml`` is wrong, has no ``[publish]``, or a variable is not set.
        Locked: somebody publishes right now.
    """
    spec = read.load(layout.spec, environment=layout.environment)
    if spec.publish is None:
        raise UsageError(
            "tenfold.toml does not say where to publish: there is no [publish]",
            next='write  [publish]  and  to = "github:OWNER/REPOSITORY"; tenfold docs publish'
            " shows the others",
        )
    found = read.publish_secrets(spec, _known(layout, environ), path=layout.spec)
    layout.create()
    layout.publishing.mkdir(mode=0o700, exist_ok=True)
    with Lock(layout.publishing / "lock").hold(reason):
        yield spec, _place(spec, spec.publish, found, layout.publishing, environ)


def put_back(
    layout: Layout, environ: Mapping[str, str], listener: Listener, id: str | None = None
) -> Publication:
    """Put an earlier publication of a project back, the one before if none is named.

    Raises:
        TenfoldError: as :func:`opened` and :func:`tenfold.publishing.work.put_back`.
    """
    with opened(layout, environ, reason="publish --back") as (_, place):
        return work.put_back(place, listener, id)


def _known(layout: Layout, environ: Mapping[str, str]) -> dict[str, str]:
    """What ``${NAME}`` may stand for: what ``tenfold secrets`` keeps goes before the caller's."""
    kept = app_secrets.load(layout.app_secrets)
    return {**environ, **{name: one.value.reveal() for name, one in kept.items()}}


def _place(
    spec: AppSpec,
    table: PublishTable,
    found: Mapping[str, Secret],
    folder: Path,
    environ: Mapping[str, str],
) -> Place:
    match table.kind:
        case "git":
            return _git(spec, table, found.get("token"), folder, environ)
        case "netlify":
            return _netlify(table, found["token"])
        case "ssh":
            return _ssh(table, environ)
        case "bucket":
            return _bucket(table, found, folder)


def _git(
    spec: AppSpec,
    table: PublishTable,
    token: Secret | None,
    folder: Path,
    environ: Mapping[str, str],
) -> Place:
    from tenfold.publishing.git.place import GitPlace
    from tenfold.publishing.git.program import Git, Login

    url, user = _git_url(table.to, with_token=token is not None)
    login = Login(url, user or ANYBODY, token) if token is not None else None
    own = folder / f"git-{hashlib.sha256(f'{url} {table.branch}'.encode()).hexdigest()[:12]}"
    names = spec.edge.own_names
    return GitPlace(
        Git(own, login, environ=_without_secrets(environ, table)),
        own,
        url=url,
        branch=table.branch,
        where=f"{table.to}, branch {table.branch}",
        domain=names[0] if names else None,
    )


def _git_url(to: str, *, with_token: bool) -> tuple[str, str | None]:
    """The URL that git is given, and the user in it, which is not part of it beside a token."""
    if to.startswith(spec_of.GITHUB):
        name = to.removeprefix(spec_of.GITHUB).removesuffix(".git")
        start = "https://github.com/" if with_token else "ssh://git@github.com/"
        return f"{start}{name}.git", None
    url = to.removeprefix("git+")
    parts = urlsplit(url)
    if not with_token or parts.username is None:
        return url, None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), parts.username


def _netlify(table: PublishTable, token: Secret) -> Place:
    from tenfold.publishing.netlify.place import ENDPOINT, NetlifyPlace

    site = table.to.removeprefix(spec_of.NETLIFY)
    return NetlifyPlace(site, token, endpoint=table.endpoint or ENDPOINT)


def _ssh(table: PublishTable, environ: Mapping[str, str]) -> Place:
    from tenfold.publishing.ssh.place import SshPlace
    from tenfold.publishing.ssh.session import Session

    parts = urlsplit(table.to)
    assert parts.hostname is not None
    session = Session(parts.hostname, parts.username, parts.port, _without_secrets(environ, table))
    directory = unquote(parts.path).rstrip("/")
    return SshPlace(session, directory, where=table.to, keep=table.keep)


def _bucket(table: PublishTable, found: Mapping[str, Secret], folder: Path) -> Place:
    from tenfold import s3
    from tenfold.publishing.bucket.objects import Objects
    from tenfold.publishing.bucket.place import BucketPlace

    access = s3.Access.of(
        table.to,
        access_key=found["access_key"].reveal(),
        secret_key=found["secret_key"].reveal(),
        endpoint=table.endpoint,
        region=table.region,
    )
    return BucketPlace(Objects(access), owner=_owner(folder), keep=table.keep)


def _owner(folder: Path) -> str:
    """What tells publications from here from those of others; no name, for it is public."""
    file = folder / "owner"
    try:
        return file.read_text("ascii").strip()
    except FileNotFoundError:
        file.write_text(secrets.token_hex(8))
        return file.read_text("ascii").strip()


def _without_secrets(environ: Mapping[str, str], table: PublishTable) -> dict[str, str]:
    """The caller's variables for git and ssh, without those that only Tenfold has to know."""
    secret = {name for text in table.secrets.values() for name in references(text)}
    return {name: value for name, value in environ.items() if name not in secret}
