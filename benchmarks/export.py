"""Ten thousand pages of an app as files: Tenfold beside Frozen-Flask and httpx."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psutil
from tests.support.project import Project
from tests.support.venvs import environment

from benchmarks.apps import LEFT_OUT
from benchmarks.figures import Goal
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding, Table
from benchmarks.workplace import Workplace, alternating

SOURCE = Path(__file__).parent / "apps/pages"
PACKAGES = ("flask==3.*", "Frozen-Flask==1.*", "fastapi==0.*", "httpx==0.*", "jinja2==3.*")
PAGES, FEW, QUICK = 10_000, 1_000, 200
ROUNDS = 6
SECONDS = 600.0
LOOK_SECONDS = 0.02
GOAL = Goal(at_least=1.0)
HOW = f"""\
A site of {PAGES:,} pages of 4 KB with 16 links each, made by Jinja, and one page that links to
all of them; once as a Flask app and once as a FastAPI app. Time is that of whole commands, from
starting a Python to its end, into a new folder. *Frozen-Flask* gets the list of pages by a
generator. *httpx* asks by `ASGITransport` in the app's process and writes files. Tenfold's
command finds the pages by their links, reads every page for them, compares the built release
with the project first, and, but for the rows with `--once`, makes each page a second time in
another process to see whether it is static."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to make the files of one app."""

    entry: str
    script: str
    name: str


FROZEN = Tool("flask_site:app", "freeze.py", "Frozen-Flask")
HTTPX = Tool("fastapi_site:app", "fetch.py", "httpx")


def measure(options: Options, place: Workplace) -> Finding:
    """Each app with both in turns; then the memory of few pages and of many."""
    pages = QUICK if options.quick else PAGES
    rows: list[Comparison] = []
    for tool in (FROZEN, HTTPX):
        project = _project(place.fresh("pages"), tool, pages)
        project.ok("export", "static", "--once", timeout=SECONDS)  # builds the release
        rates: dict[str, list[float]] = {"twice": [], "once": [], "theirs": []}
        for turn in range(options.rounds_or(ROUNDS)):
            for side in alternating("ours", "theirs", turn):
                if side == "theirs":
                    rates["theirs"].append(_theirs(project, tool, pages))
                else:
                    rates["twice"].append(_ours(project, pages))
                    rates["once"].append(_ours(project, pages, "--once"))
            last = {name: round(values[-1]) for name, values in rates.items()}
            print(f"  {tool.name}, round {turn + 1}: {last} pages/s", file=sys.stderr)
        for name, words in (("twice", ""), ("once", " with `--once`")):
            rows.append(
                Comparison(
                    f"beside {tool.name}{words}",
                    "pages/s",
                    tuple(rates[name]),
                    tuple(rates["theirs"]),
                    more_is_better=True,
                    goal=GOAL,
                )
            )
    few = QUICK // 2 if options.quick else FEW
    memory = [(count, _peaks(place, count)) for count in (few, pages)]
    return Finding(
        name="export",
        title=f"A static site of {PAGES:,} pages",
        how=HOW,
        sides=("Tenfold", "the other"),
        comparisons=tuple(rows),
        tables=(
            Table(
                "Peak memory, MiB resident (Flask app)",
                ("pages", "Tenfold's process", "the app's processes, the larger"),
                tuple((f"{n:,}", f"{own:.0f}", f"{app:.0f}") for n, (own, app) in memory),
            ),
        ),
        raw={"memory_mib": {str(n): peaks for n, peaks in memory}, "pages": pages},
    )


def _project(folder: Path, tool: Tool, pages: int) -> Project:
    shutil.copytree(SOURCE, folder, ignore=LEFT_OUT)
    project = Project(folder)
    project.write(
        "tenfold.toml",
        f"""
        name = "pages"
        app = "{tool.entry}"

        [static]
        assets = {{ "/static" = "static" }}
        pages = ["/", "/page/*"]

        [env]
        PAGES = "{pages}"
        """,
    )
    (folder / ".venv").symlink_to(environment("pages", PACKAGES))
    return project


def _ours(project: Project, pages: int, *options: str) -> float:
    into = project.path.with_name("made")
    began = perf_counter()
    project.ok("export", "static", "--into", str(into), *options, timeout=SECONDS)
    return _rate(into, pages, perf_counter() - began)


def _theirs(project: Project, tool: Tool, pages: int) -> float:
    into = project.path.with_name("made")
    began = perf_counter()
    subprocess.run(
        [project.path / ".venv/bin/python", tool.script, into],
        cwd=project.path,
        env={**os.environ, "PAGES": str(pages)},
        check=True,
        timeout=SECONDS,
    )
    return _rate(into, pages, perf_counter() - began)


def _rate(into: Path, pages: int, seconds: float) -> float:
    """Pages a second; the folder is looked at, and gone."""
    made = sum(1 for _ in into.glob("page/*/index.html"))
    shutil.rmtree(into)
    if made != pages:
        raise RuntimeError(f"{made} pages of {pages}")
    return pages / seconds


def _peaks(place: Workplace, pages: int) -> tuple[float, float]:
    """The most memory, in MiB, of the command and of the larger process with the app."""
    project = _project(place.fresh("memory"), FROZEN, pages)
    project.ok("export", "static", "--once", "--into", str(place.fresh("first")), timeout=SECONDS)
    command = project.start("export", "static")
    peaks = {"own": 0, "app": 0}
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(command.pid, peaks, over))
    watch.start()
    printed, _ = command.communicate(timeout=SECONDS)
    over.set()
    watch.join()
    if command.returncode != 0:
        raise RuntimeError(printed)
    return peaks["own"] / 2**20, peaks["app"] / 2**20


def _watch(pid: int, peaks: dict[str, int], over: threading.Event) -> None:
    while not over.wait(LOOK_SECONDS):
        try:
            process = psutil.Process(pid)
            peaks["own"] = max(peaks["own"], process.memory_info().rss)
            children = process.children(recursive=True)
        except psutil.NoSuchProcess:
            return
        for child in children:
            try:
                if "--render" in child.cmdline():
                    peaks["app"] = max(peaks["app"], child.memory_info().rss)
            except psutil.NoSuchProcess:
                continue
