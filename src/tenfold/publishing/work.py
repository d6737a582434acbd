"""Publish a folder, see what would change, put an earlier publication back."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tenfold.errors import NothingEarlier, Refused, UsageError
from tenfold.publishing import names, order
from tenfold.publishing.model import Changes, Publication, Sent, Site, Standing
from tenfold.publishing.place import Listener, Place
from tenfold.publishing.scan import scan

NOTHING_LEFT = "tenfold publish --list   shows what there is"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a publication would do."""

    site: Site
    standing: Standing
    changes: Changes

    @property
    def empty(self) -> bool:
        """Whether everything is as it shall be, and nothing was cut off."""
        return not self.changes and self.standing.unfinished is None


@dataclass(frozen=True, slots=True)
class Done:
    """What a publication did."""

    publication: Publication
    changes: Changes
    sent: Sent
    seconds: float


def plan(place: Place, folder: Path, listener: Listener) -> Plan:
    """Compare a folder with what is served. Changes nothing.

    Raises:
        UsageError: there is no such folder.
        Refused: it holds what cannot be published there.
        PublishError: the place cannot be asked.
    """
    listener.doing(f"reading {folder}")
    site = scan(folder, place.algorithm, extra=place.extra)
    wrong = {path: place.problem(path, file.size) for path, file in site.files.items()}
    told = [f"{names.shown(path)}: {why}" for path, why in wrong.items() if why is not None]
    if told:
        raise Refused(
            "\n".join([f"{place.where} cannot have all files of {folder}", *told[:10]]),
            next="name them otherwise, or take them out of the folder",
        )
    listener.doing(f"looking at {place.where}")
    standing = place.look(listener)
    return Plan(site, standing, order.difference(standing.manifest, site.manifest))


def carry_out(
    place: Place,
    todo: Plan,
    listener: Listener,
    *,
    take_over: bool = False,
    now: Callable[[], float] = time.time,
) -> Done:
    """Publish what was planned.

    Args:
        place: where to.
        todo: what to do there.
        listener: told how it goes.
        take_over: also where something is that Tenfold did not publish.
        now: the clock, in seconds since the epoch.

    Raises:
        Refused: something is there that Tenfold did not publish.
        PublishError: it failed; says what is served.
    """
    require_own(todo.standing, take_over)
    at, began = now(), time.monotonic()
    publication = Publication(_id(at, todo.site), at, len(todo.site.files), todo.site.bytes)
    sent = place.publish(todo.site, todo.changes, todo.standing, publication, listener)
    if sent.id:
        publication = replace(publication, id=sent.id)
    return Done(publication, todo.changes, sent, time.monotonic() - began)


def put_back(
    place: Place, listener: Listener, id: str | None = None, *, take_over: bool = False
) -> Publication:
    """Have an earlier publication served again: the one before, or the one that is named.

    Raises:
        Refused: there is none.
        UsageError: there is none of that name.
        PublishError: it failed; says what is served.
    """
    listener.doing(f"looking at {place.where}")
    standing = place.look(listener)
    if not standing.kept:
        raise NothingEarlier(f"{place.where} has no earlier publication that could be put back")
    require_own(standing, take_over)
    chosen = _chosen(standing, id)
    place.back(chosen, standing, listener)
    return chosen


def require_own(standing: Standing, take_over: bool) -> None:
    """See that nothing is there that Tenfold did not publish. Raises ``Refused``."""
    if standing.foreign is not None and not take_over:
        raise Refused(
            standing.foreign,
            next="look whether that is the right place; to publish there all the same:"
            "\ntenfold publish --take-over",
        )


def _chosen(standing: Standing, id: str | None) -> Publication:
    if id is None:
        current = standing.current
        earlier = [p for p in standing.kept if current is None or p.at < current.at]
        if not earlier:
            raise NothingEarlier(
                "what is served is the earliest publication that is kept",
                next="tenfold publish --list   shows the later ones;  --back ID  takes one of them",
            )
        return earlier[0]
    found = [one for one in standing.kept if one.id.startswith(id)]
    if len(found) == 1:
        return found[0]
    if standing.current is not None and standing.current.id == id:
        raise Refused(f"{id} is what is served", next=NOTHING_LEFT)
    which = "several publications begin with" if found else "there is no publication"
    raise UsageError(f"{which} {id}", next=NOTHING_LEFT)


def _id(at: float, site: Site) -> str:
    """When, to the millisecond, and what; sorts by time."""
    digest = hashlib.sha256()
    for path, content in sorted(site.manifest.items()):
        digest.update(f"{path}\x00{content}\x00".encode())
    milliseconds = int(at * 1000) % 1000
    when = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(at))}.{milliseconds:03}"
    return f"{when}-{digest.hexdigest()[:6]}"
