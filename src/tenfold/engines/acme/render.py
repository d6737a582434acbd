"""The keeper's files and its process, from a scene. Pure."""

from __future__ import annotations

import json

from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import CertificateSettings


class Acme:
    """Renders :mod:`tenfold.certificates`, which Tenfold brings along itself."""

    @property
    def name(self) -> str:
        """The name by which topologies call it."""
        return "acme"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """Its configuration and, for an authority of the user's own, whom to trust."""
        settings, config = _settings(member), scene.place.config
        roots = f"{config}/roots.pem" if settings.own_roots else ""
        told = {
            "names": list(settings.names),
            "directory": settings.directory,
            "email": settings.email,
            "roots": roots,
            "folder": scene.place.data,
        }
        files = [File(f"{config}/keeper.json", json.dumps(told, indent=1) + "\n")]
        if roots:
            files.append(File(roots, scene.secrets["edge.acme_ca"]))
        return tuple(files)

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """A process without sockets. A signal has it try at once; it needs no other order."""
        place = scene.place
        ready = f"{place.data}/ready"
        python = place.binaries["python"]
        return Launch(
            argv=(
                *(python, "-I", "-m", "tenfold.certificates"),
                *("keep", f"{place.config}/keeper.json"),
            ),
            cwd=place.config,
            prepare=(Command(("rm", "-f", ready), thorough=False),),
            ready=Probe("exec", argv=("test", "-e", ready)),
            stop=Stop("SIGTERM", within_seconds=5.0),
            reload="SIGHUP",
        )


def _settings(member: Unit | Pool) -> CertificateSettings:
    if not isinstance(member.settings, CertificateSettings):
        raise TypeError(f"{member.path} keeps no certificate")
    return member.settings
