"""A project with a folder to publish, and every kind of place as it really is."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import obstore
from obstore.store import S3Store
from tests.support import netlify, seaweed, sshd

from tenfold.publishing import work
from tenfold.publishing.model import Publication
from tenfold.publishing.opening import opened
from tenfold.publishing.place import Place
from tenfold.state.layout import Layout

HEAD = 'name = "bakery"\napp = "bakery:app"\n'
SITE = {
    "index.html": b'<link href="/style.css" rel="stylesheet"><a href="/about/">about</a>',
    "about/index.html": b'<img src="/img/bread.png">',
    "style.css": b"body { background: url(/img/bread.png) }",
    "img/bread.png": b"\x89PNG bread",
    "404.html": b"not here",
    "robots.txt": b"",
    "odd/grüße & more, +1 [a] {b} ~%41 'q'.txt": b"odd",
}


class Quiet:
    """A listener that keeps what it was told, or ends the process when it was told so often."""

    def __init__(self, *, kill_at: int | None = None) -> None:
        self.told: list[str] = []
        self._kill_at = kill_at

    def doing(self, text: str) -> None:
        self.told.append(text)
        if len(self.told) == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def sent(self, files: int, of: int) -> None:
        self.doing(f"sent {files} of {of}")


class There(Protocol):
    """A place, seen from its other side."""

    kind: str

    @property
    def table(self) -> str:
        """What [publish] says."""

    @property
    def environ(self) -> dict[str, str]: ...

    def served(self) -> dict[str, bytes]:
        """What people see."""


@dataclass
class World:
    """A project, its folder, and a place."""

    project: Path
    there: There

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.say()
        self.fill(SITE)

    @property
    def folder(self) -> Path:
        return self.project / "dist"

    @property
    def layout(self) -> Layout:
        return Layout(self.project)

    def say(self, more: str = "", table: str | None = None) -> None:
        text = f"{HEAD}{more}\n[publish]\n{table or self.there.table}\n"
        (self.project / "tenfold.toml").write_text(text)

    def fill(self, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    @contextmanager
    def place(self) -> Iterator[Place]:
        with opened(self.layout, self.there.environ) as (_, place):
            yield place

    def plan(self) -> work.Plan:
        with self.place() as place:
            return work.plan(place, self.folder, Quiet())

    def publish(self, *, take_over: bool = False, listener: Quiet | None = None) -> work.Done:
        told = listener or Quiet()
        with self.place() as place:
            todo = work.plan(place, self.folder, told)
            return work.carry_out(place, todo, told, take_over=take_over)

    def back(self, id: str | None = None) -> Publication:
        with self.place() as place:
            return work.put_back(place, Quiet(), id)

    def kept(self) -> list[str]:
        with self.place() as place:
            return [one.id for one in place.look(Quiet()).kept]

    def publish_killed_at(self, step: int) -> bool:
        """Publish in a process of its own that is killed at that step; whether it came so far."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.publishing", str(self.project), str(step)],
            env=self.there.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0

    def tenfold(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tenfold", *arguments],
            cwd=self.project,
            env={**self.there.environ, **environ},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@dataclass
class Branch:
    """A bare repository on this machine."""

    folder: Path
    kind: str = "git"

    def __post_init__(self) -> None:
        self.git("init", "--quiet", "--bare", str(self.folder))
        self.git("config", "uploadpack.allowFilter", "true")

    @property
    def table(self) -> str:
        return f'to = "git+file://{self.folder}"'

    @property
    def environ(self) -> dict[str, str]:
        return dict(os.environ)

    def git(self, *arguments: str, given: bytes = b"") -> bytes:
        where = () if arguments[0] == "init" else (f"--git-dir={self.folder}",)
        who = ("-c", "user.name=Somebody Else", "-c", "user.email=else@example.org")
        return subprocess.run(
            ["git", *where, *who, *arguments], input=given, capture_output=True, check=True
        ).stdout

    def served(self) -> dict[str, bytes]:
        if not self.git("for-each-ref", "refs/heads/gh-pages"):
            return {}
        found: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(self.git("archive", "gh-pages"))) as tar:
            for entry in tar:
                content = tar.extractfile(entry)
                if content is not None and entry.name not in (".nojekyll", "CNAME"):
                    found[entry.name] = content.read()
        return found

    def commit(self, path: str, content: bytes) -> str:
        """Somebody else commits a file, beside what is there."""
        blob = self.git("hash-object", "-w", "--stdin", given=content).decode().strip()
        there = self.git("for-each-ref", "refs/heads/gh-pages").split()[:1]
        entries = self.git("ls-tree", "gh-pages").decode() if there else ""
        tree = self.git("mktree", given=f"{entries}100644 blob {blob}\t{path}\n".encode()).strip()
        parent = ("-p", there[0].decode()) if there else ()
        commit = self.git("commit-tree", tree.decode(), *parent, "-m", "by hand").decode().strip()
        self.git("update-ref", "refs/heads/gh-pages", commit)
        return commit


@dataclass
class Hosted:
    """A site at what stands in for Netlify."""

    server: netlify.Netlify
    token: str = netlify.TOKEN
    kind: str = "netlify"

    @property
    def table(self) -> str:
        return f'to = "netlify:{netlify.SITE}"\ntoken = "${{T}}"\nendpoint = "{self.server.url}"'

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "T": self.token}

    def served(self) -> dict[str, bytes]:
        return self.server.served()


@dataclass
class InBucket:
    """A prefix of a bucket at a real S3 server."""

    server: seaweed.Seaweed
    prefix: str
    secret: str = seaweed.SECRET
    kind: str = "bucket"

    @property
    def table(self) -> str:
        return (
            f'to = "s3://{seaweed.BUCKET}/{self.prefix}"\nendpoint = "{self.server.endpoint}"\n'
            'access_key = "${A}"\nsecret_key = "${B}"'
        )

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "A": seaweed.ACCESS, "B": self.secret}

    @property
    def store(self) -> S3Store:
        return S3Store(
            seaweed.BUCKET,
            config={
                "access_key_id": seaweed.ACCESS,
                "secret_access_key": seaweed.SECRET,
                "endpoint": self.server.endpoint,
                "region": "us-east-1",
            },
            client_options={"allow_http": True},
        )

    def names(self) -> set[str]:
        pages = obstore.list(self.store, prefix=f"{self.prefix}/")
        return {one["path"].removeprefix(f"{self.prefix}/") for page in pages for one in page}

    def served(self) -> dict[str, bytes]:
        return {
            name: bytes(obstore.get(self.store, f"{self.prefix}/{name}").bytes())
            for name in self.names()
            if not name.startswith(".tenfold/")
        }


@dataclass
class OverSsh:
    """A directory behind a real sshd."""

    server: sshd.Sshd
    folder: Path
    kind: str = "ssh"
    more: dict[str, str] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return f'to = "{self.server.url(self.folder)}"'

    @property
    def environ(self) -> dict[str, str]:
        return {**self.server.environ, **self.more}

    def served(self) -> dict[str, bytes]:
        current = self.folder / "current"
        return {
            str(path.relative_to(current)): path.read_bytes()
            for path in current.rglob("*")
            if path.is_file()
        }


def _main(project: str, step: str) -> None:
    listener = Quiet(kill_at=int(step))
    layout = Layout(Path(project))
    with opened(layout, os.environ) as (_, place):
        todo = work.plan(place, layout.project / "dist", listener)
        work.carry_out(place, todo, listener)


if __name__ == "__main__":
    _main(*sys.argv[1:])
