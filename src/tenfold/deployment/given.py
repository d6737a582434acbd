"""Values that the file asks for: from the environment, from secrets, from earlier commands."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tenfold.secret import Secret
from tenfold.spec import read
from tenfold.spec.model import AppSpec
from tenfold.spec.redis import RedisTable
from tenfold.spec.values import references
from tenfold.state import app_secrets, secrets
from tenfold.state.layout import ENVIRONMENT, Layout

ENV = "env."


@dataclass(frozen=True, slots=True)
class Given:
    """What the app and its surroundings are given.

    ``environ``: where values were looked up; ``known``: the same, but what serves keeps what it was
    given. ``path``: the file that errors name, unless the spec is that of an earlier release.
    ``urls``: of the user's own servers, by the variable that holds them. ``taken``: what came from
    the caller's environment: a command from another shell, at another hour, gets it again.
    ``webhook``: who is told when something is wrong.
    """

    environ: Mapping[str, str]
    known: Mapping[str, str]
    path: Path | None
    secrets: app_secrets.Secrets
    variables: Mapping[str, str | Secret]
    urls: Mapping[str, Secret]
    taken: Mapping[str, Secret]
    webhook: Secret | None = None


def values_given(spec: AppSpec, layout: Layout, *, served: str | None, renew: bool) -> Given:
    """Look everything up; ``served`` is the release that is brought back or run beside, if one is.

    Raises:
        TenfoldError: a value is missing, or is no URL where one is wanted.
    """
    path = None if served else layout.spec
    kept = app_secrets.load(layout.app_secrets)
    own = {name: one.value for name, one in kept.items()}
    revealed = {name: value.reveal() for name, value in own.items()}
    environ = {**remembered(layout), **os.environ, **revealed}
    variables = {**read.variables(spec, environ, path=path), **own}
    if layout.environment:
        variables[ENVIRONMENT] = layout.environment
    # What runs beside a release, or brings it back, uses the database that it has.
    known = {**environ, **({} if renew or not served else remembered(layout)), **revealed}
    urls = {
        "DATABASE_URL": read.database_url(spec, known, path=path),
        "REDIS_URL": read.redis_url(spec, known, path=path),
    }
    return Given(
        environ=environ,
        known=known,
        path=path,
        secrets=kept,
        variables=variables,
        urls={name: url for name, url in urls.items() if url is not None},
        webhook=read.alert_webhook(spec, known, path=path),
        taken={
            **_taken([*spec.env.values(), *spec.edge.basic_auth.values()], environ, own),
            **_taken([spec.database.url or "", _url(spec.redis), _webhook(spec)], known, own),
            **_taken(
                spec.database.backup.secrets.values() if spec.database.backup else [], known, own
            ),
        },
    )


def remembered(layout: Layout) -> dict[str, str]:
    """What earlier commands took from their environment for ``[env]`` and ``[database] url``."""
    kept = secrets.load(layout.secrets)
    return {k.removeprefix(ENV): v.reveal() for k, v in kept.items() if k.startswith(ENV)}


def _taken(
    texts: Iterable[str], environ: Mapping[str, str], own: Collection[str]
) -> dict[str, Secret]:
    """Values from the caller's environment that these texts ask for, by the name to keep them."""
    names = {name for text in texts for name in references(text)}
    return {ENV + n: Secret(environ[n]) for n in names if n in environ and n not in own}


def _webhook(spec: AppSpec) -> str:
    return (spec.alerts.webhook or "") if spec.alerts else ""


def _url(redis: RedisTable | None) -> str:
    return (redis.url or "") if redis else ""
