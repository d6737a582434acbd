"""The app's database and its server, and whether anything stands in the way of the next move."""

from __future__ import annotations

from tenfold.deployment.databases import observe_databases
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.forecast import prechecks
from tenfold.deployment.intent import Intent
from tenfold.deployment.work import serving
from tenfold.doctor.checks.database import NEXT
from tenfold.doctor.facts import DatabaseFacts
from tenfold.doctor.model import Unseen
from tenfold.engines.postgresql import health
from tenfold.engines.postgresql.checks import Finding
from tenfold.engines.postgresql.login import login
from tenfold.errors import TenfoldError
from tenfold.topology.model import Unit

BORDERS = Unseen(
    "foreign keys across [services]",
    "services cannot be declared yet: they come with stage 100k",
    "schema.foreign-key-across-schemas looks at PostgreSQL's own schemas",
)


def look(deployment: Deployment, state: str, unseen: list[Unseen]) -> DatabaseFacts | None:
    """What the checks of database, schema and move ask for; ``None`` if nobody answers."""
    unseen.append(BORDERS)
    try:
        intent = serving(deployment)
        if intent.database_url is not None:
            return None  # :mod:`.external` looks at it
        unit = next(u for u in intent.goal.topology.units if intent.goal.leads(u))
        assert isinstance(unit, Unit)
        found = health.examine(login(unit, intent.blueprint.scene(unit), "superuser"))
    except TenfoldError as error:
        told = f"{error.what}: {error.detail}" if error.detail else error.what
        unseen.append(Unseen("database, schema and the next move", told, error.next or ""))
        return None
    return DatabaseFacts(
        stage=deployment.position.partition("+")[0],
        health=found,
        prechecks=_prechecks(deployment, intent, state, unseen),
    )


def _prechecks(
    deployment: Deployment, intent: Intent, state: str, unseen: list[Unseen]
) -> tuple[Finding, ...]:
    if deployment.position not in NEXT:
        why = "the move to 10k comes with a later version"
        if "+" in deployment.position:
            why = "a move is open; its own plan has these checks"
        unseen.append(Unseen("the next move", why))
        return ()
    if state == "in-transition":
        unseen.append(Unseen("the next move", "another command is at work", "tenfold lock"))
        return ()
    try:
        clustered = deployment.position == "100"
        databases = observe_databases(intent, clustered=clustered)
        return prechecks(deployment, intent, databases, clustered=clustered)
    except TenfoldError as error:
        unseen.append(Unseen("the next move", error.what, error.next or ""))
        return ()
