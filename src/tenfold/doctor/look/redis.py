"""The Redis-compatible server: what is declared, and what it says of itself where it answers."""

from __future__ import annotations

from pathlib import Path

from tenfold.deployment.deployment import Deployment
from tenfold.deployment.work import serving
from tenfold.doctor.facts import AppFacts, RedisFacts
from tenfold.doctor.look.urls import given
from tenfold.doctor.model import Unseen
from tenfold.doctor.queues import in_redis
from tenfold.engines.app_server import wired
from tenfold.engines.redis import external, find
from tenfold.engines.redis.binaries import MODULE
from tenfold.errors import Refused, TenfoldError
from tenfold.secret import Secret
from tenfold.spec import read
from tenfold.spec.model import AppSpec
from tenfold.state.layout import Layout
from tenfold.topology.model import Unit
from tenfold.topology.settings import RedisSettings


def look(
    layout: Layout,
    spec: AppSpec,
    app: AppFacts,
    running: Deployment | None,
    unseen: list[Unseen],
) -> RedisFacts:
    """What the checks of Redis ask for. The user's own is asked as the app would ask it; that of
    Tenfold's only while it runs."""
    brokered = in_redis(app, spec.workers)
    if spec.redis is None:
        is_given = external.VARIABLE in app.given
        return RedisFacts(app, brokered=() if is_given else brokered, given=is_given)
    own = spec.redis.url is not None
    url = _own(layout, spec, unseen) if own else _of_tenfold(running, unseen)
    address, seen, silent = None, None, None
    try:
        if url is not None:
            address = external.parse(url)
            seen = external.look(address)
    except Refused as refused:
        silent = refused.what if own else None
        if not own:
            unseen.append(Unseen("Redis", refused.what, "tenfold status"))
    return RedisFacts(
        app=app,
        table=spec.redis,
        brokered=brokered,
        address=address,
        seen=seen,
        silent=silent,
        dated=None if own else _dated(spec.redis.server),
    )


def _own(layout: Layout, spec: AppSpec, unseen: list[Unseen]) -> Secret | None:
    known = given(layout, spec.redis.url if spec.redis else None, "your own Redis", unseen)
    return read.redis_url(spec, known) if known is not None else None


def _of_tenfold(running: Deployment | None, unseen: list[Unseen]) -> Secret | None:
    if running is None:
        return None
    try:
        blueprint = serving(running).blueprint
        units = [u for u in blueprint.topology.of(RedisSettings) if isinstance(u, Unit)]
        found = wired(blueprint.scene(units[0])).get(external.VARIABLE) if units else None
    except TenfoldError as error:
        unseen.append(Unseen("Redis", error.what, error.next or ""))
        return None
    return found if isinstance(found, Secret) else None


def _dated(source: str) -> str | None:
    try:
        found = find(source)
    except TenfoldError:  # told as machine.engines
        return None
    return str(found) if MODULE in Path(found.path).parts else None
