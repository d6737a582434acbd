"""Effects on the pages that are shown as files."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.secret import Secret
from tenfold.topology.settings import EdgeSettings
from tenfold.transitions import steps
from tenfold.transitions.perform.comparing import Comparison, compare
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.world import Pages, Tell, World, one_off
from tenfold.transitions.shown import HISTORY, shown_last

MOST_TOLD = 20
STAYS = "the file stays in front of the app; the next deploy makes it anew from the app's answer"


@effect.register
def _(step: steps.MakePages, world: World, tell: Tell) -> None:
    variables = None
    if step.release is not None:
        variables = one_off(world.placed(step.release), []).env
    _of(world).make(step.id, step.release, variables, tell)


@effect.register
def _(step: steps.ShowPages, world: World, tell: Tell) -> None:
    edges = {unit.host for unit in world.blueprint.topology.of(EdgeSettings)}
    roots = {name: world.blueprint.hosts[name].root for name in sorted(edges)}
    _of(world).show(step.id, roots)
    known = [id for id in world.journal.facts().get(HISTORY, []) if id != step.id]
    world.journal.set(HISTORY, [*known, step.id])


@effect.register
def _(step: steps.PrunePages, world: World, tell: Tell) -> None:
    _of(world).prune(world.journal.facts().get(HISTORY, [])[-step.keep :])


@effect.register
def _(step: steps.ComparePages, world: World, tell: Tell) -> None:
    document = world.blueprint.document
    comparison = Comparison(
        published=step.published,
        app=f"http://{document.endpoints[step.pool]}",
        site=step.site,
        login=_login(world) if step.published == (document.url or "").rstrip("/") else None,
    )
    shown = shown_last(world.journal.facts())
    paths = sorted(_of(world).published(shown)) if shown else []
    differences = compare(comparison, paths, tell)
    world.evidence.checks += _told(len(paths), [d.sentence for d in differences])


def _login(world: World) -> Secret | None:
    """Somebody whom the edge lets in, where it asks."""
    for unit in world.blueprint.topology.of(EdgeSettings):
        assert isinstance(unit.settings, EdgeSettings)
        for user in unit.settings.users:
            return Secret(f"{user}:{world.blueprint.secrets[f'edge.user.{user}'].reveal()}")
    return None


def _told(pages: int, differences: list[str]) -> Iterator[dict[str, str]]:
    """What was found, as the report tells checks; of very many differences the first."""
    if not differences:
        yield _check("fine", f"{pages:,} published pages: the app answers all of them alike", "")
    for sentence in differences[:MOST_TOLD]:
        yield _check("warn", sentence, STAYS)
    if len(differences) > MOST_TOLD:
        yield _check("warn", f"and {len(differences) - MOST_TOLD:,} more differences", STAYS)


def _check(severity: str, what: str, fix: str) -> dict[str, str]:
    name = "page.differs"
    return {"name": name, "severity": severity, "what": what, "evidence": "", "fix": fix}


def _of(world: World) -> Pages:
    assert world.pages is not None, "whoever plans with pages brings them"
    return world.pages
