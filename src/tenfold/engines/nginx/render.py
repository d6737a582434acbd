"""The edge as nginx: its files and its process, from a scene. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from tenfold.engines.nginx import pages, site, stored, zones
from tenfold.engines.nginx.assets import locations
from tenfold.engines.nginx.build import Build
from tenfold.engines.nginx.text import filled, literal, template
from tenfold.engines.protocol import Scene
from tenfold.errors import UsageError
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command, File, Launch, Probe, Stop
from tenfold.topology.settings import EdgeSettings

MOST_WORKERS = 4

# Request headers by which a client could pretend to be the edge, or Tenfold. nginx drops variants
# with underscores by itself.
STRIPPED = (
    "Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Protocol",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Forwarded-User",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Proxy",
)
TENFOLDS_OWN = (
    "Tenfold-Cell",
    "Tenfold-Epoch",
    "Tenfold-Position",
    "Tenfold-Reader",
    "Tenfold-Release",
    "Tenfold-Replay",
    "Tenfold-Route",
    "Tenfold-Tenant",
    "Tenfold-Writer",
)


@dataclass(frozen=True, slots=True)
class Nginx:
    """Renders for one build of nginx; the default suits every build that Tenfold supports."""

    build: Build = field(default_factory=Build)

    @property
    def name(self) -> str:
        """The name by which topologies call it."""
        return "nginx"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """``nginx.conf`` and the files that it includes or shows.

        Raises:
            UsageError: an asset that cannot be served, a path that nginx cannot be told.
        """
        config = scene.place.config
        return (
            File(f"{config}/nginx.conf", self._config(member, scene)),
            File(f"{config}/mime.types", template("mime.types")),
            *_types(member, config),
            File(f"{config}/error.html", template("error.html")),
            File(f"{config}/error.json", template("error.json")),
            *site.files(_settings(member), scene),
        )

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """nginx in the foreground on the agent's public socket.

        The socket must be non-blocking: nginx leaves the flags of an inherited one as they are.
        """
        place, secure = scene.place, _settings(member).tls is not None
        sockets = ("public", "public-https") if secure else ("public",)
        return Launch(
            argv=(
                place.binaries["nginx"],
                *("-e", "stderr"),
                *("-p", f"{place.data}/"),
                *("-c", f"{place.config}/nginx.conf"),
            ),
            cwd=place.config,
            env={"NGINX": "".join(f"{{fd:{name}}};" for name in sockets)},
            sockets=sockets,
            prepare=(
                Command(("mkdir", "-p", "-m", "0700", place.data), creates=place.data),
                *site.prepare(_settings(member), place),
            ),
            ready=Probe("http", address=_reachable(member, scene), path=site.PROBE_PATH, below=300),
            stop=Stop("SIGQUIT", within_seconds=10.0),
            reload="SIGHUP",
        )

    def _config(self, member: Unit | Pool, scene: Scene) -> str:
        settings = _settings(member)
        public = _endpoint(*_public(member, scene))
        of_the_site = site.values(settings, scene, self.build, public)
        values = {
            "APP": scene.topology.app,
            "WORKERS": str(max(1, min(scene.host.cores, MOST_WORKERS))),
            "MAX_BODY": str(settings.max_body_bytes),
            "HASHED_NAMES": template("hashed.conf") if settings.assets else "",
            "STORED_MAPS": template("stored-maps.conf") if settings.stored else "",
            "BEHIND": "the app" if settings.upstream else "published pages",
            "ANSWER": _duration(settings.hold_seconds + settings.request_seconds),
            "CONFIG": literal(scene.place.config),
            "ASSETS": locations(settings.assets, scene.place.assets, of_the_site["HSTS"]),
            "STORED": stored.locations(settings.stored, scene.place.storage, of_the_site["HSTS"]),
            "HOLD": _duration(settings.hold_seconds),
            **of_the_site,
            **_by_build(self.build),
        }
        values |= _behind(member, scene, values)
        values |= pages.values(settings, scene, values)
        text = filled("nginx.conf", {**values, "LITERAL_DOLLAR": ""})
        if "${dollar}" in text:
            text = filled("nginx.conf", {**values, "LITERAL_DOLLAR": template("dollar.conf")})
        return text


def _behind(member: Unit | Pool, scene: Scene, values: Mapping[str, str]) -> dict[str, str]:
    """What is said to the app; nothing where there is none."""
    settings = _settings(member)
    of_one = zones.of_one(values)
    if settings.upstream is None:
        nothing = {"UPSTREAMS": "", "PROXY": "", "HIDDEN": template("hidden-pages.conf")}
        return {**of_one, **nothing}
    endpoint = scene.wiring.endpoints[f"{member.host}/{settings.upstream}"]
    told = {**values, "UPSTREAM": endpoint}
    others = zones.others(member, settings.upstream, scene)
    there = zones.of_several(others, told, pages=settings.pages) if others else of_one
    return {
        **there,
        "UPSTREAMS": there["ZONE_MAPS"] or filled("upstream.conf", told),
        "PROXY": filled("proxy.conf", {**told, **there}),
        "HIDDEN": filled("hidden.conf", there),
    }


def _by_build(build: Build) -> dict[str, str]:
    """The lines that not every build of nginx understands."""
    named = STRIPPED if build.clears_headers else STRIPPED + TENFOLDS_OWN
    strip = [f'        proxy_set_header {name} "";' for name in named]
    if build.clears_headers:
        strip.append('        more_clear_input_headers "Tenfold-*";')
    spare = "    keepalive_min_timeout 2s;          # a reload lets idle clients be for this long"
    return {
        "STRIPPED_HEADERS": "\n".join(strip),
        "SPARE_IDLE_CLIENTS": spare if build.spares_idle_clients else "",
    }


def _types(member: Unit | Pool, config: str) -> tuple[File, ...]:
    if not _settings(member).stored:
        return ()
    return (File(f"{config}/stored.types", template("stored.types")),)


def _settings(member: Unit | Pool) -> EdgeSettings:
    if not isinstance(member.settings, EdgeSettings):
        raise TypeError(f"{member.path} is no edge")
    return member.settings


def _public(member: Unit | Pool, scene: Scene) -> tuple[str, int]:
    """Where the agent's socket listens; nginx knows an inherited socket by its exact address."""
    settings = _settings(member)
    address, port = settings.address or scene.place.address, settings.port
    endpoint = scene.wiring.endpoints.get(member.path)
    if endpoint:
        address, _, digits = endpoint.rpartition(":")
        port = int(digits)
    try:
        return str(ip_address(address.strip("[]"))), port
    except ValueError:
        raise UsageError(
            f"the edge cannot listen on {address!r}: it needs an address, not a name",
            next='127.0.0.1 for this machine alone, "0.0.0.0" or "::" for everybody',
        ) from None


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _reachable(member: Unit | Pool, scene: Scene) -> str:
    """The public address as this host itself can call it."""
    address, port = _public(member, scene)
    if ip_address(address).is_unspecified:
        address = "::1" if ":" in address else "127.0.0.1"
    return _endpoint(address, port)


def _duration(seconds: float) -> str:
    """In nginx's words, to the millisecond, never zero (which would mean: none)."""
    milliseconds = max(1, math.ceil(seconds * 1000))
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"
