"""From ``tenfold init`` to the first 200 for each project of ``tests/apps``, packages and all."""

from __future__ import annotations

import shutil
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.support.brought import APP
from tests.support.project import Project

from benchmarks.account import give
from benchmarks.by_hand.documented import DocumentedSite, Setup, setups
from benchmarks.markdown import number
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding, Table
from benchmarks.watcher import answers
from benchmarks.workplace import Workplace, alternating

COLD, WARM = "packages to be fetched", "packages in the cache"
GOAL_SECONDS = 60.0
HOW = f"""\
Ten projects as people have them ([tests/apps](../tests/apps/README.md)), from giving the first
command to the first 200. *Tenfold*: `tenfold init` and `tenfold up -d`, which makes the
environment, a PostgreSQL, roles, migrations, two workers, nginx. *By hand*: what the pages of the
framework and of the packages' tool say, one command after the other without a pause to think or
type: the environment (`pip install`, `uv sync`, `poetry install`, `pdm sync`; Poetry and PDM are
installed already), initdb and a database, migrations, the server with two workers; no proxy in
front, nothing that watches over it. *{COLD}*: with empty caches, so the network is part of it.
*{WARM}*: once more with what was fetched then, in a fresh folder."""


def measure(options: Options, place: Workplace) -> Finding:
    """Bring every project up on both sides, twice a round."""
    taken: dict[tuple[str, str, str], list[float]] = {}
    for turn in range(options.rounds_or(3)):
        for name, setup in setups().items():
            sides = (("ours", _ours), ("theirs", _theirs))
            for side, bring in alternating(*sides, turn):
                cache = place.fresh("cache")
                cache.mkdir()
                cache.chmod(0o777)
                give(cache)
                for state in (COLD, WARM):
                    seconds = bring(name, setup, place, cache)
                    taken.setdefault((side, state, name), []).append(seconds)
                shutil.rmtree(cache)
    return Finding(
        name="brought",
        title="`tenfold init` to the first 200, for ten projects",
        how=HOW,
        comparisons=tuple(
            Comparison(
                f"all ten, {state}",
                "s",
                tuple(_sums(taken, "ours", state)),
                tuple(_sums(taken, "theirs", state)),
            )
            for state in (COLD, WARM)
        ),
        tables=(_table(taken),),
        notes=tuple(_too_long(taken)),
        raw={" ".join(key): values for key, values in taken.items()},
    )


def _ours(name: str, setup: Setup, place: Workplace, cache: Path) -> float:
    folder = place.fresh("ours")
    project: Project = APP[name](folder)
    environ = {"UV_CACHE_DIR": str(cache)}
    try:
        began = perf_counter()
        for arguments in (("init",), ("up", "-d", "--port", str(project.port))):
            done = project.tenfold(*arguments, env=environ, timeout=300)
            if done.returncode != 0:
                raise RuntimeError(f"{name}: {arguments}\n{done.stdout}{done.stderr}")
        return _answered(f"http://127.0.0.1:{project.port}/", began)
    finally:
        project.close()


def _theirs(name: str, setup: Setup, place: Workplace, cache: Path) -> float:
    site = DocumentedSite(name, setup, place.fresh("hand"), cache)
    try:
        began = perf_counter()
        site.up()
        return _answered(f"{site.url}/", began)
    finally:
        site.close()


def _answered(url: str, began: float) -> float:
    """Seconds until now, if it answers 200 as it said."""
    if not answers(url):
        raise RuntimeError(f"{url} does not answer 200")
    return perf_counter() - began


Taken = dict[tuple[str, str, str], list[float]]


def _sums(taken: Taken, side: str, state: str) -> list[float]:
    rounds = zip(*(v for key, v in taken.items() if key[:2] == (side, state)), strict=True)
    return [sum(round_) for round_ in rounds]


def _table(taken: Taken) -> Table:
    """Medians by project."""

    def cell(side: str, state: str, name: str) -> str:
        return number(median(taken[side, state, name]))

    columns = [(side, state) for state in (COLD, WARM) for side in ("ours", "theirs")]
    return Table(
        "By project (medians, s)",
        ("project", *(f"{_SIDES[side]}, {state}" for side, state in columns)),
        tuple((name, *(cell(side, state, name) for side, state in columns)) for name in APP),
    )


_SIDES = {"ours": "Tenfold", "theirs": "by hand"}


def _too_long(taken: Taken) -> list[str]:
    return [
        f"{name} took {max(values):.0f} s through Tenfold, more than {GOAL_SECONDS:g} s"
        for (side, _, name), values in taken.items()
        if side == "ours" and max(values) > GOAL_SECONDS
    ]
