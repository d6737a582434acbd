"""A directory over SSH as a place: ``releases/ID``, and a link ``current`` to the one served."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Mapping
from typing import IO, Final

from tenfold.errors import TenfoldError
from tenfold.publishing import names, packing
from tenfold.publishing.model import (
    ID,
    Algorithm,
    Changes,
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
from tenfold.publishing.ssh import scripts
from tenfold.publishing.ssh.says import failure
from tenfold.publishing.ssh.session import Answer, Session

RELEASES: Final = "releases/"
_LINE = re.compile(r"([0-9a-f]{64})  \./(.+)")


class SshPlace:
    """See :class:`tenfold.publishing.place.Place`."""

    algorithm: Algorithm = "sha256"
    extra: Mapping[str, bytes] = {}

    def __init__(self, session: Session, directory: str, *, where: str, keep: int) -> None:
        self._session = session
        self._directory = directory
        self._where = where
        self._keep = keep

    @property
    def where(self) -> str:
        """See the protocol."""
        return self._where

    def problem(self, path: str, size: int) -> str | None:
        """See the protocol. What no place can have is all that a directory cannot have."""
        return None

    def look(self, listener: Listener) -> Standing:
        """See the protocol."""
        answer = self._session.run(scripts.LOOK, self._directory)
        head, _, packed = answer.printed.partition(b"manifest\n")
        lines = head.decode(errors="replace").splitlines()
        if answer.code != 0 or scripts.FORMAT not in lines:
            raise failure(self._where, answer)
        link = "".join(_told(lines, "link"))
        foreign = list(_told(lines, "foreign"))
        known = dict(filter(None, map(_kept, _told(lines, "kept"))))
        current = known.pop(link.removeprefix(RELEASES), None)
        return Standing(
            manifest=self._manifest(packed) if current else {},
            current=current,
            kept=newest_first(known.values()),
            foreign=f"{self._where} has what Tenfold did not publish: {names.listed(foreign)}"
            if foreign
            else None,
            mark=link,
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
        sent, answer = self._send(site, changes, standing, publication, listener)
        if answer.code == scripts.DAMAGED and standing.manifest:
            # Somebody changed files of the release that is served: nothing of it is taken over.
            listener.doing("what is there is not what was published: sending everything")
            whole = Changes(new=tuple(sorted(site.files)))
            fresh = Standing(mark=standing.mark)
            sent, answer = self._send(site, whole, fresh, publication, listener)
        if answer.code != 0:
            raise failure(self._where, answer)
        return sent

    def back(self, to: Publication, standing: Standing, listener: Listener) -> None:
        """See the protocol."""
        listener.doing(f"putting {to.id} back")
        answer = self._session.run(scripts.BACK, self._directory, to.id, standing.mark)
        if answer.code != 0:
            raise failure(self._where, answer)

    def _send(
        self,
        site: Site,
        changes: Changes,
        standing: Standing,
        publication: Publication,
        listener: Listener,
    ) -> tuple[Sent, Answer]:
        packer = _Packer(site, changes, listener, at=publication.at)
        listener.doing(f"sending to {self._where}")
        answer = self._session.run(
            scripts.PUBLISH,
            self._directory,
            publication.id,
            standing.mark,
            standing.mark if standing.manifest else "",
            _digest(site.manifest),
            str(self._keep),
            feed=packer.write,
        )
        if packer.failed is not None:
            raise packer.failed
        return packer.sent, answer

    def _manifest(self, packed: bytes) -> dict[str, str]:
        """What ``sha256sum`` wrote there; a damaged one counts as none, so all of it is sent."""
        try:
            lines = packing.unpacked(packed).decode().splitlines()
        except ValueError:
            return {}
        found = [match for line in lines if (match := _LINE.fullmatch(line))]
        if len(found) < len(lines) or any(names.problem(match[2]) for match in found):
            return {}
        return {match[2]: match[1] for match in found}


class _Packer:
    """Writes the tar that the script reads: what goes, what is new, at last that it is whole."""

    def __init__(self, site: Site, changes: Changes, listener: Listener, *, at: float) -> None:
        self._site = site
        self._changes = changes
        self._listener = listener
        self._at = int(at)
        self.sent = Sent(0, 0)
        self.failed: TenfoldError | None = None

    def write(self, stream: IO[bytes]) -> None:
        """Write all of it; where a file is another one by now, break off."""
        try:
            with tarfile.open(
                fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT, encoding="utf-8"
            ) as tar:
                self._write(tar)
        except TenfoldError as error:
            self.failed = error

    def _write(self, tar: tarfile.TarFile) -> None:
        remove = (*self._changes.changed, *self._changes.gone)
        self._add(tar, "remove", b"".join(f"./{path}\x00".encode() for path in remove))
        paths = (*self._changes.new, *self._changes.changed)
        for number, path in enumerate(paths, 1):
            content = content_of(path, self._site.files[path], self._site.algorithm)
            self._add(tar, f"site/{path}", content)
            self.sent = Sent(number, self.sent.bytes + len(content))
            self._listener.sent(number, len(paths))
        self._listener.doing("putting the release together there")
        self._add(tar, "end", b"")

    def _add(self, tar: tarfile.TarFile, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = len(content), 0o644, self._at
        tar.addfile(entry, io.BytesIO(content))


def _digest(manifest: Manifest) -> str:
    """Of the manifest as ``sha256sum | sort`` writes it."""
    lines = sorted(f"{digest}  ./{path}\n".encode() for path, digest in manifest.items())
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _told(lines: list[str], word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


def _kept(told: str) -> tuple[str, Publication] | None:
    id_, _, files = told.partition(" ")
    if not ID.fullmatch(id_):
        return None
    count = int(files) if files.strip().isdigit() else -1
    return id_, Publication(id_, moment(id_), count)
