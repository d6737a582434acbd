"""Orders to an etcd cluster: members, snapshots. Through its JSON gateway, with certificates."""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from posixpath import join
from typing import Any

from tenfold.engines.etcd.binaries import CONTROL
from tenfold.engines.etcd.render import (
    authority,
    certificate,
    client_url,
    data,
    membership,
    peer_url,
    token,
)
from tenfold.engines.protocol import Scene
from tenfold.errors import StepFailed, TargetError
from tenfold.leash.config import Tls
from tenfold.leash.etcd import Etcd, Unreachable, connect, request
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command
from tenfold.topology.settings import EtcdSettings

ANSWER_SECONDS = 5.0
RETRY_SECONDS = 0.5


class Unwell(StepFailed):
    """Members are down, or were a moment ago: etcd does not change whom it consists of now."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the cluster knows it; ``name`` is empty until it has begun."""

    id: str
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]


class Store(Etcd):
    """Keys, with errors that people read."""

    def _ask(self, what: str, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            return super()._ask(what, asked)
        except Unreachable as fault:
            raise _silent(str(fault)) from fault


def store(urls: Sequence[str], tls: Tls | None, within_seconds: float = ANSWER_SECONDS) -> Store:
    """The keys of a cluster. What it is asked raises ``TargetError`` when nobody answers."""
    return Store(tuple(urls), tls, within_seconds)


def credentials(scene: Scene) -> Tls:
    """Whom to trust and what to show on this scene's host."""
    pem = certificate(scene)
    return Tls(authority=authority(scene), certificate=pem, key=pem)


def members(unit: Unit | Pool, scene: Scene) -> tuple[Member, ...]:
    """Whom the cluster consists of, as this member says.

    Raises:
        TargetError: it does not answer, or has no quorum.
    """
    said = _ask(unit, scene, "cluster/member/list", {})
    return tuple(_member(one) for one in said.get("members", []))


def add(
    unit: Unit | Pool, scene: Scene, newcomer: Unit | Pool, *, within_seconds: float = 15.0
) -> str:
    """Have the cluster expect another member; gives the text of the newcomer's file ``joins``.

    It has to lie there (:func:`~tenfold.engines.etcd.render.joins`) before the newcomer starts
    for the first time. From now on a quorum counts it, whether it runs or not: so one at a time.

    etcd takes nobody before all members that it has were well for five seconds.

    Raises:
        StepFailed: not in time, or the cluster refuses for another reason.
        TargetError: no answer.
    """
    url = peer_url(newcomer, scene)
    known = members(unit, scene)
    if not any(url in one.peer_urls for one in known):
        said = _added(unit, scene, url, time.monotonic() + within_seconds)
        known = tuple(_member(one) for one in said["members"])
    peers = {one.name or newcomer.host: one.peer_urls[0] for one in known}
    settings = newcomer.settings
    assert isinstance(settings, EtcdSettings)
    return membership(peers, "existing", token(settings, scene))


def remove(unit: Unit | Pool, scene: Scene, name: str) -> bool:
    """Have the cluster do without a member; gives whether it had it.

    One that never began has no name; it is known by its address then.

    Raises:
        StepFailed: the cluster refuses: it would lose its quorum.
        TargetError: no answer.
    """
    urls = {peer_url(m, scene) for m in scene.topology.of(EtcdSettings) if m.host == name}
    for one in members(unit, scene):
        if one.name == name or (not one.name and urls & set(one.peer_urls)):
            _ask(unit, scene, "cluster/member/remove", {"ID": one.id})
            return True
    return False


def snapshot(unit: Unit | Pool, scene: Scene, path: Path) -> int:
    """Keep all that the cluster holds in a new file of mode 0600, which outlasts a power cut; gives
    its size in bytes.

    Raises:
        TargetError: no answer, or it broke off; there is no file then.
        OSError: the file cannot be written.
    """
    fresh = path.with_name(f"{path.name}.new")
    size = 0
    try:
        # Whoever may read it knows all that is in etcd.
        with open(fresh, "xb", opener=partial(os.open, mode=0o600)) as file:
            for blob in _blobs(unit, scene):
                size += file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync(path.parent)
    finally:
        fresh.unlink(missing_ok=True)
    return size


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def restore(unit: Unit | Pool, scene: Scene, snapshot_file: str) -> Command:
    """Have a host make this member's data from a snapshot: of a cluster that lost its quorum for
    good, on every host before any member starts. It is a new cluster of the members declared."""
    peers = {m.host: peer_url(m, scene) for m in scene.topology.of(EtcdSettings)}
    settings = unit.settings
    assert isinstance(settings, EtcdSettings)
    directory = data(scene)
    return Command(
        argv=(
            *(scene.place.binaries[CONTROL], "snapshot", "restore", snapshot_file),
            f"--name={unit.host}",
            f"--data-dir={directory}",
            f"--initial-cluster={','.join(f'{n}={u}' for n, u in sorted(peers.items()))}",
            f"--initial-cluster-token={token(settings, scene)}",
            f"--initial-advertise-peer-urls={peers[unit.host]}",
        ),
        env={"ETCDCTL_API": "3"},
        creates=join(directory, "member"),
        within_seconds=120.0,
    )


def _blobs(unit: Unit | Pool, scene: Scene) -> Iterator[bytes]:
    connection = connect(client_url(unit, scene), credentials(scene), 60.0)
    left = "?"
    try:
        connection.request("POST", "/v3/maintenance/snapshot", "{}")
        answer = connection.getresponse()
        for line in answer:
            said = json.loads(line)
            if "result" not in said:
                raise _silent(f"{unit.path}: {said}")
            left = said["result"].get("remaining_bytes", "0")
            yield base64.b64decode(said["result"].get("blob", ""))
    except (OSError, ValueError, http.client.HTTPException) as fault:
        raise _silent(f"{unit.path}: {fault}") from fault
    finally:
        connection.close()
    if left != "0":
        raise _silent(f"{unit.path}: the snapshot broke off with {left} bytes left")


def _ask(unit: Unit | Pool, scene: Scene, what: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    url = client_url(unit, scene)
    try:
        status, said = request(url, f"/v3/{what}", credentials(scene), ANSWER_SECONDS, dict(asked))
    except (OSError, http.client.HTTPException) as fault:
        raise _silent(f"{unit.path}: {fault}") from fault
    if status == 200 and isinstance(said, dict):
        return said
    why = said.get("message", said.get("error")) if isinstance(said, dict) else said
    if "unhealthy cluster" in str(why):
        raise Unwell("etcd takes no member while others are down or have just begun")
    if status in (500, 503, 504):
        raise _silent(f"{unit.path}: {why}")
    raise StepFailed(f"etcd does not do what was asked of {unit.path}", detail=str(why))


def _added(unit: Unit | Pool, scene: Scene, url: str, deadline: float) -> dict[str, Any]:
    while True:
        try:
            return _ask(unit, scene, "cluster/member/add", {"peerURLs": [url]})
        except Unwell:
            if time.monotonic() > deadline:
                raise
        time.sleep(RETRY_SECONDS)


def _member(said: Mapping[str, Any]) -> Member:
    return Member(
        id=str(said["ID"]),
        name=str(said.get("name", "")),
        peer_urls=tuple(said.get("peerURLs", [])),
        client_urls=tuple(said.get("clientURLs", [])),
    )


def _silent(why: str) -> TargetError:
    return TargetError("etcd does not answer", next="tenfold status   says which do", detail=why)
