"""To which app a request goes: this host's, and where it cannot be reached, another zone's. Pure.

nginx can send a request to the next server by itself (``proxy_next_upstream``), but not tell one
that was never sent from one that broke off in the middle, which may have done what was asked. What
tells them is how many bytes were sent, so the way on is by ``error_page``: a request that failed
with nothing sent is asked again, in the same location, with the next upstream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tenfold.engines.nginx.text import filled
from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit

AVOIDED = "5s"
"""For how long an app that did not answer is not tried first."""
CONNECT = "1s"
"""How long a try may take to connect where there is another one: a packet and its repetition."""


def others(member: Unit | Pool, upstream: str, scene: Scene) -> tuple[str, ...]:
    """Where the app is on other hosts, those of the same zone first: ``address:port``."""
    zones = {host.name: host.zone for host in scene.topology.hosts}
    there = [p for p in scene.topology.pools if p.name == upstream and p.host != member.host]
    near = sorted(there, key=lambda pool: zones[pool.host] != zones[member.host])
    return tuple(scene.wiring.endpoints[pool.path] for pool in near)


def of_one(known: Mapping[str, str]) -> dict[str, str]:
    """What the templates need where the app is on this host alone, or nowhere."""
    return {
        "TO": "app",
        "APP_SECONDS": '        "~^[0-9.]+$" $upstream_response_time;',
        "ERRORS": "        error_page 413 502 503 504 $error_page;",
        "FIRST_ERRORS": "            error_page 413 502 503 504 $error_page;",
        "CONNECT": known["HOLD"],
        "ZONE_MAPS": "",
        "AT_ZONES": "",
    }


def of_several(found: Sequence[str], known: Mapping[str, str], *, pages: bool) -> dict[str, str]:
    """The same where the app is elsewhere, too. ``pages``: files go before the app's answers."""
    down = f"max_fails=1 fail_timeout={AVOIDED}" if len(found) > 1 else "max_fails=0"
    count = len(found)
    tries = [_tries(n) for n in range(1, count + 2)]
    to_app = ["@app"] * count + ["@last"]
    again = [f'        ":{t}" {to};' for t, to in zip(tries, to_app, strict=True)]
    again += [f'        "1:{t}" @stream;' for t in tries]
    told = {
        **known,
        "AVOIDED": AVOIDED,
        "BACKUPS": "\n".join(f"        server {other} max_fails=0 backup;" for other in found),
        "OTHERS": "\n".join(f"        server {other} {down};" for other in found),
        "ELSEWHERE": "\n".join(f'        "{t}" elsewhere;' for t in tries[:-1]),
        "NEXT_TRIES": "\n".join(again),
        "FIRST_TRIES": "\n".join(f'        "{t}" @app_first;' for t in tries),
    }
    first = "\n" + filled("zones-first.conf", told) if pages else ""
    return {
        "TO": "$app",
        "APP_SECONDS": '        "~(?<last_seconds>[0-9.]+)$" $last_seconds;',
        "ERRORS": _errors("", " " * 8),
        "FIRST_ERRORS": _errors("first_", " " * 12),
        "CONNECT": CONNECT,
        "ZONE_MAPS": filled("zones.conf", told) + first,
        "AT_ZONES": filled("at-zones.conf", known),
    }


def _errors(prefix: str, indent: str) -> str:
    return "\n".join(
        (
            f"{indent}error_page 413 503 $error_page;",
            f"{indent}error_page 502 = ${prefix}after_refusal;",
            f"{indent}error_page 504 = ${prefix}after_silence;",
        )
    )


def _tries(count: int) -> str:
    """As nginx writes down so many tries in which nothing was sent."""
    return " : ".join(["0"] * count)
