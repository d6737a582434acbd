"""A member of an etcd cluster: its files and its process, from a scene. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from posixpath import join
from typing import Final

from tenfold.engines.etcd.binaries import PROGRAM
from tenfold.engines.etcd.names import AUTHORITY, host_secret
from tenfold.engines.nginx.text import fill
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import EtcdSettings

PEER: Final = ".peer"
"""Where other members reach it: the endpoint of this name behind the unit's path."""
JOINS: Final = "joins"
FOUNDED: Final = "founded"


class Etcd:
    """The engine ``etcd``; see :class:`tenfold.engines.protocol.Engine`."""

    name = "etcd"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Configuration, who founds the cluster, certificates."""
        settings, config = _settings(member), scene.place.config
        values = {
            "APP": scene.topology.app,
            "CLUSTER": settings.cluster,
            "NAME": json.dumps(member.host),
            "DATA": json.dumps(data(scene)),
            "CLIENT": client_url(member, scene),
            "PEER": peer_url(member, scene),
            "CERTIFICATE": json.dumps(certificate(scene)),
            "AUTHORITY": json.dumps(authority(scene)),
            "HEARTBEAT": str(settings.heartbeat_milliseconds),
            "ELECTION": str(settings.election_milliseconds),
            "KEEP": json.dumps(f"{settings.keep_seconds}s"),
            "QUOTA": str(settings.quota_bytes),
        }
        template = files(__package__).joinpath("files", "etcd.yml").read_text(encoding="utf-8")
        peers = {m.host: peer_url(m, scene) for m in members(settings.cluster, scene)}
        compose = files(__package__).joinpath("compose.sh").read_text(encoding="utf-8")
        return (
            File(join(config, "etcd.yml"), fill(template, values)),
            File(join(config, "founders"), membership(peers, "new", token(settings, scene))),
            File(join(config, "compose.sh"), compose, mode=0o755),
            *credentials(member, scene),
        )

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """The server in the foreground.

        It is ready when it listens, not when it has a quorum: the first of three members has none
        before there is a second (:mod:`.probe` asks for that).
        """
        place = scene.place
        composed = join(place.data, "etcd.yml")
        return Launch(
            argv=(place.binaries[PROGRAM], "--config-file", composed),
            cwd="/",
            prepare=(
                Command(
                    (
                        "/bin/sh",
                        join(place.config, "compose.sh"),
                        place.config,
                        data(scene),
                        composed,
                        place.binaries[PROGRAM],
                    ),
                    thorough=False,
                ),
            ),
            ready=Probe("tcp", address=scene.wiring.endpoints[member.path]),
            stop=Stop("SIGTERM", within_seconds=10.0),
        )


def members(cluster: str, scene: Scene) -> tuple[Unit | Pool, ...]:
    """All members of a cluster, as declared."""
    return tuple(m for m in scene.topology.of(EtcdSettings) if _settings(m).cluster == cluster)


def membership(peers: Mapping[str, str], state: str, token: str) -> str:
    """The lines that say whom a cluster consists of, before a member has that in its data.

    Args:
        peers: name -> URL for peers, of all members, the new one included.
        state: ``new`` where all begin together, ``existing`` for one that joins.
        token: tells this cluster from any other.
    """
    listed = ",".join(f"{name}={url}" for name, url in sorted(peers.items()))
    return (
        "\n# Whom it consists of: read once, while there is no data.\n"
        f"initial-cluster: {json.dumps(listed)}\n"
        f"initial-cluster-state: {state}\n"
        f"initial-cluster-token: {json.dumps(token)}\n"
    )


def token(settings: EtcdSettings, scene: Scene) -> str:
    """What tells this cluster from any other."""
    return f"{scene.topology.app}/{settings.cluster}"


def client_url(member: Unit | Pool, scene: Scene) -> str:
    """Where its clients knock."""
    return f"https://{scene.wiring.endpoints[member.path]}"


def peer_url(member: Unit | Pool, scene: Scene) -> str:
    """Where other members reach it."""
    return f"https://{scene.wiring.endpoints[member.path + PEER]}"


def data(scene: Scene) -> str:
    """Its data directory."""
    return join(scene.place.data, "member")


def joins(scene: Scene) -> str:
    """The file that says whose cluster a new member joins, see ``compose.sh``."""
    return join(scene.place.data, JOINS)


def founded(scene: Scene) -> str:
    """The file that says that the cluster is founded, see ``compose.sh``. It is none of those that
    are rendered: that a cluster comes to be changes no member's configuration."""
    return join(scene.place.config, FOUNDED)


def certificate(scene: Scene) -> str:
    """The file with the host's certificate and its key."""
    return join(scene.place.config, "host.pem")


def authority(scene: Scene) -> str:
    """The file with the certificate of the deployment's authority."""
    return join(scene.place.config, "authority.pem")


def credentials(member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
    """Both, for whoever on this host talks to etcd or to Patroni."""
    public = scene.secrets[AUTHORITY].reveal()
    own: Secret = scene.secrets[host_secret(member.host)]
    return (
        File(authority(scene), public),
        File(certificate(scene), own, mode=0o600),
    )


def _settings(member: Unit | Pool) -> EtcdSettings:
    if not isinstance(member.settings, EtcdSettings):
        raise TypeError(f"{member.path} is no member of an etcd cluster")
    return member.settings
