"""Orders to a cluster under Patroni. Each may be given again; what is so already is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenfold.engines.etcd.admin import store
from tenfold.engines.patroni.probe import observe
from tenfold.engines.patroni.render import etcd_urls, prefix, shared
from tenfold.engines.patroni.rest import ask, credentials
from tenfold.engines.protocol import Scene
from tenfold.errors import StepFailed
from tenfold.topology.model import Pool, Unit

SWITCH_SECONDS = 60.0


def switch_over(member: Unit | Pool, scene: Scene, *, leader: str, candidate: str) -> None:
    """Have ``candidate`` lead instead of ``leader``, which stops in order first.

    Returns when it is done.

    Raises:
        StepFailed: Patroni refuses, or it did not come to pass; says why.
        TargetError: no answer.
    """
    order = {"leader": leader, "candidate": candidate}
    _ordered(member, scene, "/switchover", order, f"{candidate} to lead instead of {leader}")


def fail_over(member: Unit | Pool, scene: Scene, *, candidate: str, may_lose: bool = False) -> None:
    """Have ``candidate`` lead where nobody does, or whatever the leader says.

    Patroni itself takes any member that runs: one that is not in sync may lack commits that
    somebody was told are kept, and these are lost when it leads.

    Args:
        member: who is asked.
        scene: its scene.
        candidate: the member that is to lead.
        may_lose: whether somebody said that such commits may be lost.

    Raises:
        StepFailed: it may lack commits and that was not said, or Patroni refuses.
        TargetError: no answer.
    """
    if not may_lose and candidate not in observe(member, scene).in_sync:
        raise StepFailed(
            f"{candidate} is not in sync: it may lack commits that are acknowledged",
            next="start the member that led last; it leads again, with all of them",
        )
    _ordered(member, scene, "/failover", {"candidate": candidate}, f"{candidate} to lead")


def pause(member: Unit | Pool, scene: Scene, *, paused: bool) -> None:
    """Have nobody elected by itself, or again. The leash ends a PostgreSQL without Patroni still.

    Raises:
        StepFailed: Patroni refuses.
        TargetError: no answer.
    """
    change(member, scene, {"pause": True if paused else None})


def configure(
    member: Unit | Pool,
    scene: Scene,
    slots: Mapping[str, Any] | None = None,
    *,
    instead: Mapping[str, Any] | None = None,
) -> bool:
    """Have the cluster's shared configuration as rendered; gives whether it was not.

    What others set beside it stays, such as a pause.

    Args:
        member: who is asked.
        scene: its scene.
        slots: what is kept beside those that are rendered, as Patroni wants it.
        instead: what takes the place of what is rendered.

    Raises:
        StepFailed: Patroni refuses.
        TargetError: no answer.
    """
    status, now = ask(member, scene, "/config")
    if status != 200 or not isinstance(now, dict):
        raise StepFailed(f"the configuration of {member.path}'s cluster is not known yet")
    rendered = shared(member, scene)
    kept = {"slots": {**rendered["slots"], **(slots or {})}}
    wanted = difference(now, {**rendered, **kept, **(instead or {})})
    if wanted:
        change(member, scene, wanted)
    return bool(wanted)


def difference(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What to send so that ``now`` has all of ``wanted``; slots that are not wanted go."""
    found: dict[str, Any] = {}
    for key, value in wanted.items():
        known = now.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            inner = difference(known, value)
            if key == "slots":
                inner |= {slot: None for slot in known if slot not in value}
            if inner:
                found[key] = inner
        elif known != value:
            found[key] = value
    return found


def change(member: Unit | Pool, scene: Scene, wanted: Mapping[str, Any]) -> None:
    """Change the cluster's shared configuration; ``None`` removes a key.

    Raises:
        StepFailed: Patroni refuses.
        TargetError: no answer.
    """
    status, said = ask(member, scene, "/config", dict(wanted), method="PATCH")
    if status != 200:
        raise StepFailed(
            f"Patroni of {member.path} does not take its cluster's configuration", detail=str(said)
        )


def reinitialize(member: Unit | Pool, scene: Scene) -> None:
    """Have a follower's data copied anew; returns when that has begun.

    Raises:
        StepFailed: Patroni refuses: it leads, or there is nobody to copy from.
        TargetError: no answer.
    """
    status, said = ask(member, scene, "/reinitialize", {"force": True})
    if status != 200:
        raise StepFailed(f"{member.path} is not copied anew", detail=str(said))


def forget_member(member: Unit | Pool, scene: Scene, *, name: str) -> None:
    """Have the others no longer count on a member whose Patroni has verifiably ended, before its
    entry in etcd runs out by itself. Asked as a member that stays.

    Raises:
        TargetError: etcd does not answer.
    """
    asked = store(etcd_urls(member, scene), credentials(scene))
    asked.remove(f"{prefix(member, scene)}members/{name}")


def _ordered(
    member: Unit | Pool, scene: Scene, path: str, order: Mapping[str, str], what: str
) -> None:
    status, said = ask(member, scene, path, dict(order), within_seconds=SWITCH_SECONDS)
    if status != 200:
        raise StepFailed(f"Patroni does not get {what}", detail=str(said))
