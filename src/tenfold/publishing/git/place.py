"""A branch as a place: each publication is a commit on it, pushed only if the branch stands still.

A push is whole or not at all by nature. History only ever grows: going back is a commit, too, so
nothing that somebody else committed is ever lost.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tenfold.errors import PublishError, Refused
from tenfold.publishing import names
from tenfold.publishing.git import says
from tenfold.publishing.git.program import Git, GitFailed
from tenfold.publishing.model import (
    ID,
    Algorithm,
    Changes,
    Publication,
    Sent,
    Site,
    Standing,
    moment,
    newest_first,
)
from tenfold.publishing.place import Listener
from tenfold.publishing.scan import content_of
from tenfold.publishing.words import count

TRAILER: Final = "Tenfold-Publication"
REMOTE: Final = "refs/tenfold/remote"
UNTOUCHED: Final = "nothing: what was published before is served"
MOST_KEPT: Final = 50
MAX_FILE_BYTES: Final = 100 * 1024 * 1024
"""What GitHub takes (docs.github.com, "About large files on GitHub")."""
MOST_OBJECTS: Final = 50_000
ASIDE: Final = "tenfold-"
_SEPARATOR = "\x1e"
_OBJECT = re.compile(r"[0-9a-f]{40}")


class GitPlace:
    """See :class:`tenfold.publishing.place.Place`.

    Args:
        git: in a bare repository of ours, which is made at the first look.
        url: of the remote, as git takes it.
        branch: on which the site is.
        where: the same for people.
        domain: what ``CNAME`` shall say.
    """

    algorithm: Algorithm = "git"

    def __init__(
        self, git: Git, folder: Path, *, url: str, branch: str, where: str, domain: str | None
    ) -> None:
        self._git = git
        self._folder = folder
        self._url = url
        self._branch = branch
        self._ref = f"refs/heads/{branch}"
        self._where = where
        self._domain = domain

    @property
    def where(self) -> str:
        """See the protocol."""
        return self._where

    @property
    def extra(self) -> Mapping[str, bytes]:
        """``.nojekyll``, so that GitHub serves the files as they are, and ``CNAME``."""
        name = {"CNAME": f"{self._domain}\n".encode()} if self._domain else {}
        return {".nojekyll": b"", **name}

    def problem(self, path: str, size: int) -> str | None:
        """See the protocol."""
        if size > MAX_FILE_BYTES:
            return "is larger than 100 MiB, which hosts of git repositories refuse"
        return names.in_git(path)

    def look(self, listener: Listener) -> Standing:
        """See the protocol."""
        self._prepare()
        head = self._fetch()
        if not head:
            return Standing()
        kept = self._publications(head)
        current = kept.pop(0) if kept and kept[0][0] == head else None
        return Standing(
            manifest=self._tree(head),
            current=current[1] if current else None,
            kept=newest_first(publication for _, publication in kept),
            foreign=None if current else self._foreign(head),
            mark=head,
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
        sent = self._store(site, changes, standing, listener)
        listener.doing("making the commit")
        entries = ((path, file.digest) for path, file in site.files.items())
        tree = self._write_tree(tuple(entries))
        self._commit_and_push(tree, standing, publication, "Publish", listener)
        return sent

    def back(self, to: Publication, standing: Standing, listener: Listener) -> None:
        """See the protocol."""
        commit = next(c for c, p in self._publications(standing.mark) if p.id == to.id)
        tree = self._local("rev-parse", f"{commit}^{{tree}}").strip()
        self._commit_and_push(tree, standing, to, "Put back", listener)

    def _prepare(self) -> None:
        """Make our repository, and make it anew where it is damaged: everything in it is there."""
        if self._folder.exists():
            if self._is_well():
                for left in self._folder.glob(f"{ASIDE}*/"):
                    shutil.rmtree(left)
                return
            shutil.rmtree(self._folder)
        self._folder.mkdir(parents=True, mode=0o700)
        self._local("init", "--quiet", "--bare", "--template=", str(self._folder))

    def _is_well(self) -> bool:
        """Whether git takes it for a repository, and it has not grown for long: it never packs."""
        try:
            return int(self._git.local("count-objects").partition(" ")[0]) < MOST_OBJECTS
        except GitFailed:
            return False

    def _fetch(self) -> str:
        """The commit that the branch is at, brought here; empty where there is no such branch.

        Contents are left there where the remote can do that: only names are compared.
        """
        listed = self._remote("ls-remote", "--", self._url, self._ref)
        found = [
            line.partition("\t")[0] for line in listed.splitlines() if f"\t{self._ref}" in line
        ]
        if not found:
            return ""
        if not _OBJECT.fullmatch(found[0]):
            raise Refused(f"{self._where} names objects by SHA-256, which this cannot do yet")
        refspec = f"+{self._ref}:{REMOTE}"
        self._remote("fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
                     "--filter=blob:none", "--", self._url, refspec)  # fmt: skip
        return self._local("rev-parse", REMOTE).strip()

    def _tree(self, commit: str) -> dict[str, str]:
        """Path to blob; a link, a submodule or an executable is ``""``: it is replaced."""
        listed = self._local("ls-tree", "-r", "-z", "--full-tree", commit)
        found: dict[str, str] = {}
        for entry in filter(None, listed.split("\x00")):
            about, _, path = entry.partition("\t")
            mode, kind, digest = about.split(" ")
            found[path] = digest if (mode, kind) == ("100644", "blob") else ""
        return found

    def _publications(self, head: str) -> list[tuple[str, Publication]]:
        """The newest publications with their commits, as far as the commits say that they are."""
        form = f"%H%x00%(trailers:key={TRAILER},valueonly){_SEPARATOR}"
        told = self._local("log", f"--format={form}", f"--max-count={MOST_KEPT}", "--first-parent",
                           head)  # fmt: skip
        found: list[tuple[str, Publication]] = []
        seen: set[str] = set()
        for record in told.split(_SEPARATOR):
            if record.count("\x00") != 1:
                continue
            commit, id_ = (part.strip() for part in record.split("\x00"))
            if ID.fullmatch(id_) and id_ not in seen:
                seen.add(id_)
                found.append((commit, Publication(id_, moment(id_))))
        return found

    def _foreign(self, head: str) -> str:
        told = self._local("log", "--max-count=1", "--format=%h %an: %s", head).strip()
        return (
            f"the branch {self._branch} has a commit that Tenfold did not make"
            f"\n{names.shown(told)[:200]}"
        )

    def _store(self, site: Site, changes: Changes, standing: Standing, listener: Listener) -> Sent:
        """Write every content that the remote does not have into our repository."""
        there = set(standing.manifest.values())
        wanted = {
            site.files[path].digest: path
            for path in (*changes.new, *changes.changed)
            if site.files[path].digest not in there
        }
        size = 0
        with tempfile.TemporaryDirectory(prefix=ASIDE, dir=self._folder) as folder:
            copies: list[str] = []
            for number, (digest, path) in enumerate(wanted.items(), 1):
                content = content_of(path, site.files[path], self.algorithm)
                copy = Path(folder, digest)
                copy.write_bytes(content)
                copies.append(str(copy))
                size += len(content)
                listener.sent(number, len(wanted))
            made = self._local(
                "hash-object", "-w", "--no-filters", "--stdin-paths",
                given="".join(f"{copy}\n" for copy in copies).encode(),
            ).split()  # fmt: skip
        if made != list(wanted):
            raise PublishError("git gave other names to the contents than they have")
        return Sent(len(wanted), size)

    def _write_tree(self, entries: Sequence[tuple[str, str]]) -> str:
        listed = b"".join(f"100644 {digest}\t{path}\x00".encode() for path, digest in entries)
        with tempfile.TemporaryDirectory(prefix=ASIDE, dir=self._folder) as folder:
            index = Path(folder, "index")
            self._local("update-index", "-z", "--index-info", given=listed, index=index)
            return self._local("write-tree", "--missing-ok", index=index).strip()

    def _commit_and_push(
        self, tree: str, standing: Standing, what: Publication, verb: str, listener: Listener
    ) -> None:
        files = f" ({count(what.files, 'file')})" if what.files >= 0 else ""
        parent = ("-p", standing.mark) if standing.mark else ()
        commit = self._local(
            *self._identity(), "commit-tree", tree, *parent,
            given=f"{verb} {what.id}{files}\n\n{TRAILER}: {what.id}\n".encode(),
        ).strip()  # fmt: skip
        listener.doing(f"pushing to {self._where}")
        lease = f"--force-with-lease={self._ref}:{standing.mark}"
        try:
            self._git.remote("push", "--porcelain", "--no-thin", "--no-verify", lease, "--",
                             self._url, f"{commit}:{self._ref}")  # fmt: skip
        except GitFailed as error:
            if not self._arrived(commit):
                raise self._told(error) from error
        listener.doing("pushed")
        self._local("update-ref", REMOTE, commit)

    def _arrived(self, commit: str) -> bool:
        """Whether a push that failed got through: the answer may be what was lost."""
        try:
            return f"{commit}\t{self._ref}" in self._git.remote(
                "ls-remote", "--", self._url, self._ref
            )
        except GitFailed:
            return False

    def _identity(self) -> tuple[str, ...]:
        """Who commits: whom git is told of, or Tenfold. A name that git makes up would publish what
        this machine and its user are called."""
        try:
            self._git.local("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")
        except GitFailed:
            return ("-c", "user.name=Tenfold", "-c", "user.email=tenfold@localhost")
        return ()

    def _local(self, *arguments: str, given: bytes = b"", index: Path | None = None) -> str:
        try:
            return self._git.local(*arguments, given=given, index=index)
        except GitFailed as error:
            raise PublishError(
                f"git could not do its work in {self._folder}",
                changed=UNTOUCHED,
                detail=says.evidence(error.said),
                next=f"rm -r {self._folder}   it is made anew; then publish again",
            ) from error

    def _remote(self, *arguments: str) -> str:
        try:
            return self._git.remote(*arguments)
        except GitFailed as error:
            raise self._told(error) from error

    def _told(self, error: GitFailed) -> PublishError:
        meant = says.meaning(error.said)
        return PublishError(
            f"{self._where}: {meant.why}",
            changed=UNTOUCHED,
            detail=says.evidence(error.said),
            next="tenfold publish --dry-run   shows what is there now; then publish again"
            if meant.moved
            else meant.next,
        )
