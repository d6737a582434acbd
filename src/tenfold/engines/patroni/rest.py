"""How Patroni is asked and ordered: its REST interface, with the certificate of this host."""

from __future__ import annotations

import http.client
from typing import Any

from tenfold.engines.etcd.render import authority, certificate
from tenfold.engines.patroni.render import api
from tenfold.engines.protocol import Scene
from tenfold.errors import TargetError
from tenfold.leash.config import Tls
from tenfold.leash.etcd import request
from tenfold.topology.model import Pool, Unit

ANSWER_SECONDS = 5.0


def credentials(scene: Scene) -> Tls:
    """Whom to trust and what to show on this unit's host."""
    pem = certificate(scene)
    return Tls(authority=authority(scene), certificate=pem, key=pem)


def ask(
    member: Unit | Pool,
    scene: Scene,
    path: str,
    body: object = None,
    *,
    method: str | None = None,
    within_seconds: float = ANSWER_SECONDS,
) -> tuple[int, Any]:
    """One request to this member's Patroni; gives status and answer.

    Raises:
        TargetError: it does not answer.
    """
    url = f"https://{api(member, scene)}"
    try:
        return request(url, path, credentials(scene), within_seconds, body, method)
    except (OSError, http.client.HTTPException) as fault:
        raise TargetError(
            f"Patroni of {member.path} does not answer",
            next="tenfold status   says who does",
            detail=str(fault) or type(fault).__name__,
        ) from fault
