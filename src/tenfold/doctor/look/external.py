"""A database of the user's own: asked as the app would ask it, whether the site runs or not."""

from __future__ import annotations

from tenfold.doctor.facts import DatabaseFacts, ExternalFacts
from tenfold.doctor.look.urls import given
from tenfold.doctor.model import NOW, Unseen
from tenfold.engines.postgresql import external, external_health
from tenfold.engines.postgresql.external_health import Examined
from tenfold.errors import Refused
from tenfold.spec import read
from tenfold.spec.model import AppSpec
from tenfold.state.layout import Layout

WHAT = "your own database"


def look(layout: Layout, spec: AppSpec | None, unseen: list[Unseen]) -> ExternalFacts | None:
    """What the checks of it ask for; ``None`` where there is none, or its URL is not known here."""
    if spec is None or spec.database.url is None:
        return None
    known = given(layout, spec.database.url, WHAT, unseen)
    url = read.database_url(spec, known) if known is not None else None
    if url is None:
        return None
    try:
        address = external.parse(url)
    except Refused as refused:
        unseen.append(Unseen(WHAT, refused.what, refused.next or ""))
        return None
    try:
        seen = external.look(address)
    except Refused as refused:
        detail = " ".join((refused.detail or "").split())
        return ExternalFacts(address, silent=(refused.what, detail))
    migrates = spec.release.migrate is not None
    found = external.problems(address, seen, migrates=migrates)
    problems = tuple((problem.what, problem.next or "") for problem in found)
    return ExternalFacts(address, seen, problems=problems, examined=_examined(address, unseen))


def _examined(address: external.Address, unseen: list[Unseen]) -> Examined | None:
    try:
        return external_health.examine(address)
    except Refused as refused:
        unseen.append(Unseen("how your own database is run", refused.detail or refused.what))
        return None


def database(facts: ExternalFacts | None) -> DatabaseFacts | None:
    """What the checks of any database ask for."""
    if facts is None or facts.examined is None:
        return None
    return DatabaseFacts(NOW, facts.examined.health, own=True)
