"""Ten thousand pages of which one changed: ``tenfold publish`` beside plain tools."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.support import netlify, seaweed, sshd
from tests.support.publishing import Branch, Hosted, InBucket, OverSsh, There, World

from benchmarks.options import Options
from benchmarks.results import Comparison, Finding, Table
from benchmarks.workplace import Workplace, alternating

PAGES, QUICK_PAGES = 10_000, 300
PICTURES = 200
ROUNDS = 6
SECONDS = 1800.0
HOW = f"""\
{PAGES:,} pages of 2 to 4 KB in 100 folders, {PICTURES} pictures of 20 KB, a style sheet. Everything
is published once, which is not compared; then, in each round, both sides publish the same site
again after one page of it changed. Times are those of whole commands, with the start of a Python on
Tenfold's side (and of aws). Every place is on this machine, so times are those of programs and not
of a network. *git*: a bare repository; beside it `git add -A`, `git commit` and `git push` in a
clone of the branch. *ssh*: a real sshd; beside it `rsync -a --delete`, which changes files in
place. *S3*: SeaweedFS; beside it `aws s3 sync --delete`, which compares times and sizes. *Netlify*:
what stands in for it in the tests, which no other tool is compared with."""
_FILES = re.compile(r"Number of regular files transferred: ([\d,]+)")
_BYTES = re.compile(r"Total bytes sent: ([\d,]+)")


@dataclass(frozen=True, slots=True)
class Run:
    """One publication: how long, how many contents and bytes of them were sent."""

    seconds: float
    files: int
    bytes: int


def measure(options: Options, place: Workplace) -> Finding:
    """Each kind of place, in turns with what one would use by hand."""
    pages = QUICK_PAGES if options.quick else PAGES
    rounds = options.rounds_or(ROUNDS)
    comparisons: list[Comparison] = []
    rows: list[tuple[str, ...]] = []
    raw: dict[str, object] = {}
    notes: list[str] = []
    for kind, opened in (("git", _git), ("ssh", _ssh), ("S3", _s3), ("Netlify", _netlify)):
        with opened(place.fresh(f"publish-{kind}")) as sides:
            if isinstance(sides, str):
                notes.append(f"{kind}: {sides}")
                continue
            there, by_hand = sides
            world = World(place.fresh("bakery"), there)
            _fill(world, pages)
            first, ours, theirs = _rounds(world, by_hand, rounds, kind)
        raw[kind] = {"first": first.seconds, "ours": [r.seconds for r in ours],
                     "theirs": [r.seconds for r in theirs]}  # fmt: skip
        rows += [_row(f"{kind}, everything", [first]), _row(f"{kind}, one page", ours)]
        if theirs:
            rows.append(_row(f"{kind}, one page, by hand", theirs))
            pair = tuple(r.seconds for r in ours), tuple(r.seconds for r in theirs)
            comparisons.append(Comparison(f"{kind}, after one page changed", "s", *pair))
    return Finding(
        name="publishing",
        title=f"A site of {PAGES:,} pages, published again",
        how=HOW,
        sides=("tenfold publish", "by hand"),
        comparisons=tuple(comparisons),
        tables=(Table("What was sent", ("", "files", "bytes of files", "s, median"), tuple(rows)),),
        notes=tuple(notes),
        raw=raw,
    )


ByHand = Callable[[Path, int], Run] | None
Sides = tuple[There, ByHand]


def _rounds(
    world: World, by_hand: ByHand, rounds: int, kind: str
) -> tuple[Run, list[Run], list[Run]]:
    first = _tenfold(world)
    if by_hand is not None:
        by_hand(world.folder, -1)
    ours: list[Run] = []
    theirs: list[Run] = []
    for turn in range(rounds):
        world.fill({f"p7/{turn}.html": _page(10**6 + turn)})
        for name in alternating("ours", "theirs", turn):
            if name == "ours":
                ours.append(_tenfold(world))
            elif by_hand is not None:
                theirs.append(by_hand(world.folder, turn))
        beside = f", {theirs[-1].seconds:.2f} s" if theirs else ""
        print(f"  {kind} {turn + 1}: {ours[-1].seconds:.2f} s{beside}", file=sys.stderr)
    return first, ours, theirs


def _tenfold(world: World) -> Run:
    began = perf_counter()
    done = _done([sys.executable, "-m", "tenfold", "publish", "--json"], world.project,
                 world.there.environ)  # fmt: skip
    seconds = perf_counter() - began
    told = json.loads(done.splitlines()[-1])
    return Run(seconds, told["sent_files"], told["sent_bytes"])


@contextmanager
def _git(folder: Path) -> Iterator[Sides]:
    folder.mkdir()
    hand = Branch(folder / "hand.git")
    clone = folder / "clone"
    _done(["git", "clone", "--quiet", str(hand.folder), str(clone)], folder, hand.environ)

    def push(site: Path, turn: int) -> Run:
        began = perf_counter()
        _done(["cp", "-a", f"{site}/.", str(clone)], folder, hand.environ)
        for command in (["add", "-A"], ["commit", "--quiet", "-m", str(turn)],
                        ["push", "--quiet", "origin", "HEAD:gh-pages"]):  # fmt: skip
            who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
            _done(["git", *who, *command], clone, hand.environ)
        return Run(perf_counter() - began, -1, -1)

    yield Branch(folder / "site.git"), push


@contextmanager
def _ssh(folder: Path) -> Iterator[Sides | str]:
    if sshd.SSHD is None or shutil.which("rsync") is None:
        yield "no sshd or no rsync here"
        return
    (folder / "sshd").mkdir(parents=True)
    with sshd.running(folder / "sshd") as server:

        def rsync(site: Path, turn: int) -> Run:
            began = perf_counter()
            to = f"{server.user}@127.0.0.1:{folder / 'hand'}/"
            ssh = f"ssh -p {server.port}"
            said = _done(["rsync", "-a", "--delete", "--stats", "-e", ssh, f"{site}/", to],
                         folder, server.environ)  # fmt: skip
            found = [pattern.search(said) for pattern in (_FILES, _BYTES)]
            files, size = (int(one[1].replace(",", "")) if one else -1 for one in found)
            return Run(perf_counter() - began, files, size)

        yield OverSsh(server, folder / "srv"), rsync


@contextmanager
def _s3(folder: Path) -> Iterator[Sides]:
    folder.mkdir()
    with ExitStack() as stack:
        server = stack.enter_context(seaweed.running(most_volumes=40))
        there = InBucket(server, "ours")
        aws = shutil.which("aws")
        environ = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": seaweed.ACCESS,
            "AWS_SECRET_ACCESS_KEY": seaweed.SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/dev/null",
        }

        def sync(site: Path, turn: int) -> Run:
            began = perf_counter()
            said = _done(
                [str(aws), "s3", "sync", "--delete", "--no-progress", "--endpoint-url",
                 server.endpoint, str(site), f"s3://{seaweed.BUCKET}/hand"],
                folder, environ,
            )  # fmt: skip
            return Run(perf_counter() - began, said.count("upload: "), -1)

        yield there, sync if aws else None


@contextmanager
def _netlify(folder: Path) -> Iterator[Sides]:
    with netlify.running() as server:
        yield Hosted(server), None


def _fill(world: World, pages: int) -> None:
    shutil.rmtree(world.folder)
    world.fill({f"p{n % 100}/{n // 100}.html": _page(n) for n in range(pages)})
    world.fill({f"img/{n}.png": os.urandom(20_000) for n in range(PICTURES)})
    world.fill({"style.css": b"body { margin: auto }", "index.html": _page(-1)})


def _page(number: int) -> bytes:
    """Two to four kilobytes, and no two alike."""
    words = " ".join(f"bread-{number}-{word}" for word in range(130 + number % 90))
    return f"<!doctype html><title>{number}</title><p>{words}".encode()


def _row(what: str, runs: list[Run]) -> tuple[str, ...]:
    middle = sorted(run.seconds for run in runs)[len(runs) // 2]
    files, size = (max(getattr(run, name) for run in runs) for name in ("files", "bytes"))
    return what, *(f"{n:,}" if n >= 0 else "" for n in (files, size)), f"{middle:.2f}"


def _done(command: list[str], folder: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[:4]} exited {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
