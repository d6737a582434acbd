"""Maintenance at the edge: what visitors get meanwhile, switched by files alone. Pure.

::

    config/edge/maintenance/
      now -> 3f2a9c1d         maintenance is on while this link is there
      3f2a9c1d/               one notice: its pages, the file ``on``, one file per guest

nginx looks for ``now/on`` at every request. So nothing is reloaded, no connection ends, and whoever
restarts nginx finds the state as it was. The date of the pages is the moment at which it shall end:
that is how ``Retry-After`` gets it, for nginx takes values from files in no other way.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tenfold.engines.nginx.text import filled, literal, pattern, quoted
from tenfold.topology.process import Command, File

FACT = "maintenance"
"""Fact: the notice that visitors get, while maintenance is on."""

STATE_PATH = "/.tenfold/maintenance"
PLAIN = "We are working on this site right now. It should be back shortly."
NOBODY_KNOWS = 0

_SWITCH = (
    'set -e; cd "$1"; touch -d "@$3" "$2/page.html" "$2/page.json"; '
    'ln -sfn "$2" now.new; mv -fT now.new now; '
    'for each in *; do case "$each" in now | "$2") ;; *) rm -rf "./$each" ;; esac; done'
)


@dataclass(frozen=True, slots=True)
class Notice:
    """What visitors are told while maintenance is on.

    ``page`` is HTML of the user's own. ``until`` and ``since`` are in seconds since the epoch.
    ``guests`` are addresses that get through, as the edge writes them.
    """

    since: float
    message: str | None = None
    page: str | None = None
    until: float | None = None
    guests: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return asdict(self)

    @property
    def id(self) -> str:
        """Names its folder."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def from_json(data: Mapping[str, Any] | None) -> Notice | None:
    """Read what :meth:`Notice.to_json` wrote; ``None`` for ``None``."""
    return None if data is None else Notice(**{**data, "guests": tuple(data["guests"])})


def files(notice: Notice, config: str) -> tuple[File, ...]:
    """The notice's folder; visitors see none of it until it is switched to."""
    folder = f"{config}/maintenance/{notice.id}"
    return (
        File(f"{folder}/page.html", notice.page or _plain_page(notice)),
        File(f"{folder}/page.json", _answer(notice)),
        *(File(f"{folder}/guests/{guest}", "") for guest in notice.guests),
        File(f"{folder}/on", ""),
    )


def switch_on(notice: Notice, config: str) -> Command:
    """Have visitors get this notice from now on, all of it at once; others are removed."""
    until = NOBODY_KNOWS if notice.until is None else int(notice.until)
    folder = f"{config}/maintenance"
    return Command(("sh", "-c", _SWITCH, "sh", folder, notice.id, str(until)), thorough=False)


def switch_off(config: str) -> Command:
    """Let visitors in again."""
    return Command(("rm", "-f", f"{config}/maintenance/now"), thorough=False)


def values(config: str, health: str | None) -> dict[str, str]:
    """What the template of nginx's configuration wants to know."""
    now = f"{config}/maintenance/now"
    stays = ""
    if health is not None:
        path = health.partition("?")[0]
        stays = f"        {quoted(f'~^{pattern(path)}$')} {quoted('')};"
    return {
        "MAINTENANCE": literal(f"{now}/on"),
        "GUESTS": literal(f"{now}/guests/").removesuffix('"') + '$remote_addr"',
        "NOTICE": literal(now),
        "STATE": STATE_PATH,
        "HEALTH_STAYS": stays,
    }


def _plain_page(notice: Notice) -> str:
    expected = ""
    if notice.until is not None:
        moment = datetime.fromtimestamp(notice.until, UTC)
        words = f"{moment.day} {moment:%B %Y, %H:%M} UTC"
        expected = f'<p>Expected back: <time datetime="{moment.isoformat()}">{words}</time></p>'
    message = html.escape(notice.message or PLAIN)
    return filled("maintenance.html", {"MESSAGE": message, "EXPECTED": expected})


def _answer(notice: Notice) -> str:
    told = {"error": "maintenance", "detail": notice.message or PLAIN}
    if notice.until is not None:
        told["until"] = datetime.fromtimestamp(notice.until, UTC).isoformat()
    return json.dumps(told) + "\n"
