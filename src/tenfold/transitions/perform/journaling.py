"""Moving the journal between its file and etcd; see :mod:`tenfold.transitions.journal.movable`."""

from __future__ import annotations

from tenfold.errors import NotBegun
from tenfold.topology.settings import EtcdSettings
from tenfold.transitions.blueprint import Blueprint
from tenfold.transitions.journal import MovableJournal, Place
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.world import Tell, World
from tenfold.transitions.steps import MoveJournal


@effect.register
def _move_journal(step: MoveJournal, world: World, tell: Tell) -> None:
    journal = world.journal
    if not isinstance(journal, MovableJournal):
        raise NotBegun("this journal can only be where it is", changed="nothing")
    if step.to is None:
        journal.move(None)
        return
    place = place_of(world.blueprint, step.to) or journal.former
    if place is None:
        raise NotBegun(
            f"nobody knows where the members of etcd ({step.to}) are",
            changed="nothing: the journal stays in its file",
            next="tenfold status",
        )
    journal.move(place)


def place_of(blueprint: Blueprint, cluster: str) -> Place | None:
    """Where the journal is in this cluster of etcd; ``None`` if it has no members here."""
    endpoints = blueprint.document.endpoints
    members = [
        member.path
        for member in blueprint.topology.of(EtcdSettings)
        if isinstance(member.settings, EtcdSettings) and member.settings.cluster == cluster
    ]
    urls = tuple(f"https://{endpoints[path]}" for path in members)
    return Place(urls, f"/tenfold/{blueprint.topology.app}/journal") if urls else None
