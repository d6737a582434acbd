"""Several edges, each with an address that people may come to: whether it answers."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tenfold.cli.first_answer import status_of
from tenfold.cli.output import Output
from tenfold.deployment import applied as applied_facts
from tenfold.deployment.status import Status
from tenfold.engines.nginx.site import PROBE_PATH

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment

ANSWER_SECONDS = 2.0


def with_edges(found: Status) -> Status:
    """The status with every edge asked, as whoever publishes addresses would; as it is where there
    are not several."""
    if len(found.urls) < 2 or found.state == "stopped":
        return found
    zones = {host["name"]: host["zone"] for host in found.hosts}
    with ThreadPoolExecutor(len(found.urls), thread_name_prefix="edge") as threads:
        answers = threads.map(lambda url: _answers(url, found.url or url), found.urls.values())
        edges = tuple(
            {"unit": path, "zone": zones.get(path.partition("/")[0]), "url": url, "answers": fine}
            for (path, url), fine in zip(found.urls.items(), answers, strict=True)
        )
    silent = tuple(f"{e['unit']} does not answer at {e['url']}" for e in edges if not e["answers"])
    state = "degraded" if silent and found.state == "running" else found.state
    return replace(found, edges=edges, missing=(*found.missing, *silent), state=state)


def show(edges: tuple[Mapping[str, Any], ...], output: Output) -> None:
    """Where people find the site, a line for each edge."""
    output.columns(
        [
            (edge["url"], f"zone {edge['zone']}", "answers" if edge["answers"] else "no answer")
            for edge in edges
        ]
    )


def addresses(deployment: Deployment) -> tuple[str, ...]:
    """Where the site's name has to lead: to the address of every edge.

    None where there is one edge, or where one listens at every address.
    """
    applied = applied_facts.from_json(deployment.facts().get(applied_facts.FACT))
    urls = {} if applied is None else applied.urls
    found = tuple(dict.fromkeys(urlsplit(url).hostname or "" for url in urls.values()))
    return found if len(urls) > 1 and all(map(_is_address, found)) else ()


def _is_address(text: str) -> bool:
    try:
        return not ip_address(text).is_unspecified
    except ValueError:
        return False


def _answers(url: str, site: str) -> bool:
    """Asked by the site's name, at the address of this edge."""
    where, named = urlsplit(url), urlsplit(site)
    asked = f"{where.scheme}://{named.hostname}:{where.port}"
    try:
        return (
            status_of(asked, where.hostname, path=PROBE_PATH, within_seconds=ANSWER_SECONDS) < 300
        )
    except (OSError, http.client.HTTPException):
        return False
