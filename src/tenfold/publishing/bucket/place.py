"""A bucket as a place, which has no transactions: contents first, then copies in a safe order.

Every content is put under its digest, where nobody looks, and only when all are there is anything
changed that is served: the server copies them into place, which takes no upload, in the order of
:mod:`tenfold.publishing.order`. What is being done is written down first (*intent*), so that the
next publication, from whichever machine, finishes or takes back one that was cut off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from tenfold.errors import PublishError
from tenfold.publishing import names, order
from tenfold.publishing.bucket import records
from tenfold.publishing.bucket.objects import Objects, side_by_side
from tenfold.publishing.bucket.records import Intent
from tenfold.publishing.kinds import type_of
from tenfold.publishing.model import (
    Algorithm,
    Changes,
    Kept,
    Manifest,
    Publication,
    Sent,
    Site,
    Standing,
    moment,
    newest_first,
)
from tenfold.publishing.place import Listener
from tenfold.publishing.scan import content_of

MAX_FILE_BYTES: Final = 5 * 1000**3
"""What a server copies at once (docs.aws.amazon.com, CopyObject)."""
AT_WORK_SECONDS: Final = 900.0
"""So long somebody else's publication counts as being made, and not as cut off."""


class BucketPlace:
    """See :class:`tenfold.publishing.place.Place`.

    Args:
        objects: of the bucket.
        owner: tells this project's publications from those of somebody else.
        keep: how many earlier publications stay.
        now: the clock, in seconds since the epoch.
    """

    algorithm: Algorithm = "sha256"
    extra: Mapping[str, bytes] = {}

    def __init__(
        self, objects: Objects, *, owner: str, keep: int, now: Callable[[], float] = time.time
    ) -> None:
        self._objects = objects
        self._owner = owner
        self._keep = keep
        self._now = now

    @property
    def where(self) -> str:
        """See the protocol."""
        return self._objects.place

    def problem(self, path: str, size: int) -> str | None:
        """See the protocol."""
        if size > MAX_FILE_BYTES:
            return "is larger than 5 GB, which servers do not copy at once"
        if path.partition("/")[0] == names.OWN:
            return "that folder is Tenfold's own"
        return None

    def look(self, listener: Listener) -> Standing:
        """See the protocol."""
        id_, intent = self._state()
        known = list(
            filter(None, map(records.publication_id, self._objects.list(records.PUBLICATIONS)))
        )
        now = self._kept(id_) if id_ else None
        manifest: Manifest = now.manifest if now else {}
        unfinished = None
        if intent is not None:
            manifest = records.between(manifest, self._kept(intent.id).manifest)
            unfinished = f"the publication {intent.id} was cut off while it was put into place"
        kept = [i for i in known if i != id_ and (intent is None or i != intent.id)]
        return Standing(
            manifest=manifest,
            current=now.publication if now else None,
            kept=newest_first(Publication(i, moment(i)) for i in kept),
            unfinished=unfinished,
            foreign=self._foreign(id_, intent),
            mark=_mark(id_, intent),
        )

    def publish(
        self,
        site: Site,
        changes: Changes,
        standing: Standing,
        publication: Publication,
        listener: Listener,
    ) -> Sent:
        """See the protocol."""
        sent = self._store(site, listener)
        kept = Kept(publication, site.manifest)
        name = records.publication_name(publication.id)
        listener.doing("writing the manifest")
        self._objects.put(name, records.packed(kept), records.GZIP)
        self._put_into_place(kept, changes, standing, listener)
        self._prune(publication.id, listener)
        return sent

    def back(self, to: Publication, standing: Standing, listener: Listener) -> None:
        """See the protocol."""
        kept = self._kept(to.id)
        there = set(self._objects.list(records.CONTENTS))
        lost = [p for p, d in kept.manifest.items() if records.content_name(p, d) not in there]
        if lost:
            raise PublishError(
                f"{self.where}: not everything of {to.id} is there any more: {names.listed(lost)}",
                changed="nothing",
                next="tenfold publish --list   shows other publications",
            )
        changes = order.difference(standing.manifest, kept.manifest)
        self._put_into_place(kept, changes, standing, listener)

    def _store(self, site: Site, listener: Listener) -> Sent:
        """Put every content there that is not there yet; nothing that is served changes."""
        listener.doing("looking which contents are there")
        there = set(self._objects.list(records.CONTENTS))
        wanted = {
            name: path
            for path, file in site.files.items()
            if (name := records.content_name(path, file.digest)) not in there
        }

        def put(name: str) -> None:
            path = wanted[name]
            content = content_of(path, site.files[path], self.algorithm)
            self._objects.put(name, content, type_of(path))

        listener.doing(f"sending to {self.where}")
        side_by_side(put, wanted, lambda done: listener.sent(done, len(wanted)))
        return Sent(len(wanted), sum(site.files[path].size for path in wanted.values()))

    def _put_into_place(
        self, kept: Kept, changes: Changes, standing: Standing, listener: Listener
    ) -> None:
        id_ = kept.publication.id
        self._begin(id_, standing)
        self._objects.served = (
            f"the site is on its way to {id_}: every page has the files that it needs, and some"
            " pages are of the publication before"
        )
        listener.doing(f"putting {id_} into place")
        for stage in order.stages(order.to_write(changes), changes.new):
            side_by_side(lambda path: self._copy(path, kept.manifest), stage, lambda _: None)
            listener.doing(f"putting {id_} into place: {len(stage):,} files")
        for path in order.to_delete(changes):
            self._objects.delete(path)
        listener.doing("writing down which one is served")
        self._objects.put(records.CURRENT, records.current_to_bytes(id_), records.JSON)
        self._objects.served = f"{id_} is served"
        listener.doing("done with putting into place")
        self._objects.delete(records.INTENT)

    def _copy(self, path: str, manifest: Manifest) -> None:
        self._objects.copy(records.content_name(path, manifest[path]), path)

    def _begin(self, id_: str, standing: Standing) -> None:
        """Write the intent, unless somebody else changed anything since we looked."""
        now, before = self._state()
        if _mark(now, before) != standing.mark:
            raise self._moved()
        intent = Intent(id_, self._now(), self._owner, now)
        content = records.intent_to_bytes(intent)
        if not self._objects.put(records.INTENT, content, records.JSON, only_new=before is None):
            raise self._moved()

    def _moved(self) -> PublishError:
        return PublishError(
            f"{self.where}: somebody else published there meanwhile",
            changed="nothing: only contents were put there that nobody sees",
            next="tenfold publish --dry-run   shows what is there now; then publish again",
        )

    def _prune(self, id_: str, listener: Listener) -> None:
        """Forget publications that are too many, and contents that none has any more."""
        listener.doing("removing what nobody can go back to any more")
        listed = self._objects.list(records.PUBLICATIONS)
        known = sorted(filter(None, map(records.publication_id, listed)), reverse=True)
        keep = {id_, *[other for other in known if other != id_][: self._keep]}
        for old in known:
            if old not in keep:
                self._objects.delete(records.publication_name(old))
        used = {
            records.content_name(path, digest)
            for one in keep
            for path, digest in self._kept(one).manifest.items()
        }
        unused = [name for name in self._objects.list(records.CONTENTS) if name not in used]
        side_by_side(self._objects.delete, unused, lambda _: None)

    def _state(self) -> tuple[str | None, Intent | None]:
        now = records.current(self._objects.get(records.CURRENT), self.where)
        return now, records.intent(self._objects.get(records.INTENT), self.where)

    def _kept(self, id_: str) -> Kept:
        content = self._objects.get(records.publication_name(id_))
        if content is None:
            raise records.damaged(self.where, f"the manifest of {id_} is missing")
        found = records.unpacked(content, self.where)
        return replace(found, publication=replace(found.publication, id=id_))

    def _foreign(self, id_: str | None, intent: Intent | None) -> str | None:
        if intent is not None and intent.owner != self._owner:
            age = self._now() - intent.at
            if age < AT_WORK_SECONDS:
                return (
                    f"{self.where}: somebody else has been publishing {intent.id} there for"
                    f" {max(0, int(age))} s"
                )
        if id_ is not None or intent is not None:
            return None
        found = [name for name in self._objects.folders() if name != f"{names.OWN}/"]
        if not found:
            return None
        return f"{self.where} has what Tenfold did not publish: {names.listed(found)}"


def _mark(id_: str | None, intent: Intent | None) -> str:
    return f"{id_} {intent.id} {intent.at}" if intent else f"{id_}"
