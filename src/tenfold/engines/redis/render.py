"""A Redis-compatible server: its files and its process, from a scene. Pure."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from posixpath import join
from typing import Final

from tenfold.engines.nginx.text import fill, quoted
from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import RedisSettings

PROGRAM: Final = "redis-server"
LOAD_SECONDS: Final = 600.0
"""How long it may take to read its data when it starts."""
STOP_SECONDS: Final = 60.0
"""How long it may take to write its data when it stops."""
PROBE_USER: Final = "probe"

_PERSISTENCE: Final = {
    "aof": """
# Every write is kept before it is acknowledged: a killed process loses none. The disk is told to
# hurry once a second: a power cut loses the last second at most.
appendonly yes
appendfilename "appendonly.aof"
appendfsync everysec
save ""
""",
    "snapshot": """
# All of it is written after a minute with a change, and when it stops in order; a crash loses what
# came since.
appendonly no
save 60 1
stop-writes-on-bgsave-error yes
""",
    "none": """
# Nothing is kept: it starts empty.
appendonly no
save ""
""",
}
# What an app needs of a queue or a cache, and nothing that changes or stops the server. CLIENT is
# what clients name and find their connections with.
_RULES: Final = "~* &* +@all -@admin +client"


class Redis:
    """Renders for Redis from 6.2 on, and for Valkey."""

    @property
    def name(self) -> str:
        """The name by which topologies call it."""
        return "redis"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """``redis.conf`` and ``users.acl``, which holds the password's digest alone."""
        settings = _settings(member)
        address, _, port = scene.wiring.endpoints[member.path].rpartition(":")
        evicts = settings.policy != "noeviction"
        values = {
            "APP": scene.topology.app,
            "ADDRESS": address.strip("[]"),
            "PORT": port,
            "ACL": quoted(_acl_path(scene)),
            "DATA": quoted(scene.place.data),
            "MAX_MEMORY": str(settings.max_memory_bytes),
            "POLICY": settings.policy,
            "POLICY_WORDS": "it drops keys, so it is a cache and no queue"
            if evicts
            else "it refuses writes: nothing that was queued is dropped",
            "PERSISTENCE": _PERSISTENCE[settings.persistence].strip(),
        }
        template = files(__package__).joinpath("files", "redis.conf").read_text(encoding="utf-8")
        return (
            File(_conf_path(scene), fill(template, values), mode=0o600),
            File(_acl_path(scene), _acl(scene), mode=0o600),
        )

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """The server in the foreground; ready once it has read its data.

        A stop in order writes what has to be kept, and takes as long as that takes.
        """
        place = scene.place
        made = "".join(str(f.text) for f in self.render(member, scene))
        return Launch(
            argv=(place.binaries[PROGRAM], _conf_path(scene)),
            cwd=place.config,
            # It rereads nothing: what is rendered anew has to be another launch.
            env={"TENFOLD_CONFIG": hashlib.sha256(made.encode()).hexdigest()[:16]},
            prepare=(Command(("mkdir", "-p", "-m", "0700", place.data), creates=place.data),),
            ready=Probe(
                "talk",
                address=scene.wiring.endpoints[member.path],
                say=f"AUTH {PROBE_USER} -\r\nPING\r\n",
                expect="+PONG",
                within_seconds=LOAD_SECONDS,
            ),
            stop=Stop("SIGTERM", within_seconds=STOP_SECONDS),
        )


def _acl(scene: Scene) -> str:
    """The app's user, which every client is that names none, and one that can only say PING."""
    password = scene.secrets["redis.app"].reveal()
    digest = hashlib.sha256(password.encode()).hexdigest()
    return (
        f"user default on sanitize-payload #{digest} {_RULES}\n"
        f"user {PROBE_USER} on nopass sanitize-payload resetchannels -@all +ping\n"
    )


def _conf_path(scene: Scene) -> str:
    return join(scene.place.config, "redis.conf")


def _acl_path(scene: Scene) -> str:
    return join(scene.place.config, "users.acl")


def _settings(member: Unit | Pool) -> RedisSettings:
    if not isinstance(member.settings, RedisSettings):
        raise TypeError(f"{member.path} is no Redis-compatible server")
    return member.settings
