"""Tells whoever gathers figures what only commands know: release, stage, what is under way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tenfold.errors import TenfoldError
from tenfold.metrics.config import SITE, Site
from tenfold.topology.process import File
from tenfold.topology.settings import EtcdSettings, MetricsSettings, PatroniSettings

if TYPE_CHECKING:
    from tenfold.deployment.intent import Intent


@contextlib.contextmanager
def under_way(intent: Intent, kind: str) -> Iterator[None]:
    """While the block runs, a command of this kind is under way."""
    tell(intent, kind)
    try:
        yield
    finally:
        tell(intent)


def tell(intent: Intent, under_way: str = "") -> None:
    """Say how the site is now. Nobody's command fails because that cannot be said."""
    for member in intent.goal.topology.of(MetricsSettings):
        with contextlib.suppress(TenfoldError):
            agent = intent.target.reach(member.host)
            if agent is not None:
                text = _site(intent, under_way).to_json()
                agent.write((File(f"config/{member.name}/{SITE}", text),))


def _site(intent: Intent, under_way: str) -> Site:
    topology = intent.goal.topology
    places = {host.name: intent.target.locate(host).root for host in topology.hosts}
    return Site(
        app=intent.title,
        stage=topology.stage,
        release=intent.goal.release or "",
        transition=under_way,
        names={PurePosixPath(root).name: name for name, root in places.items()},
        certificate_not_after=_certificate_ends(intent),
        etcd=tuple(member.host for member in topology.of(EtcdSettings)),
        members=tuple(member.host for member in topology.of(PatroniSettings)),
    )


def _certificate_ends(intent: Intent) -> float:
    """Of the user's own certificate; its keeper knows of any other one."""
    own = intent.blueprint.secrets.get("edge.certificate")
    if own is None:
        return 0.0
    from tenfold.certificates import pem  # a tenth of a second that few commands need

    return pem.facts(own.reveal()).not_after
