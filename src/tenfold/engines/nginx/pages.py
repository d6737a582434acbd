"""Pages that are files: in front of the app, or alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.engines.nginx.text import filled, literal, template
from tenfold.engines.protocol import Scene
from tenfold.topology.settings import EdgeSettings

CURRENT = "current"
"""The link to the pages that are shown."""


def values(settings: EdgeSettings, scene: Scene, known: Mapping[str, str]) -> dict[str, str]:
    """Who answers what nothing else does: files, the app, or files and then the app."""
    at_app = filled("at-app.conf", known) + (f"\n{known['AT_ZONES']}" if known["AT_ZONES"] else "")
    if not settings.pages:
        return {"PAGES_MAPS": "", "SITE": filled("app.conf", known) + "\n" + at_app}
    told = {**known, "PAGES": literal(f"{scene.place.pages}/{CURRENT}")}
    maps = template("pages-maps.conf")
    if settings.upstream is None:
        return {"PAGES_MAPS": maps, "SITE": filled("pages.conf", told)}
    # Who may come in says nothing about what is meant for whom.
    aside = "$http_cookie$args" if settings.users else "$http_cookie$http_authorization$args"
    return {
        "PAGES_MAPS": filled("paged.conf", {"ASIDE": aside}) + "\n" + maps,
        "SITE": filled("pages-and-app.conf", told) + "\n" + at_app,
    }
