from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tenfold.load import Ledger, run_load
from tenfold.load.publishing import published
from tenfold.observe.load_figures import LoadFigures, believed


async def test_a_load_tells_of_itself_while_it_is_under_way(
    serve: Any, plan: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "load"
    stop, found = asyncio.Event(), list[LoadFigures]()

    async def fails(request: web.Request) -> web.Response:
        return web.Response(status=500 if request.method == "GET" else 201)

    load = plan(
        {"path": "/"},
        {"method": "POST", "path": "/", "json": {"id": "{id}"}, "ledger": True},
        duration="30s",
        ledger={"table": "t", "column": "c"},
    )
    path = tmp_path / "run.ledger"
    with (
        Ledger(path, load.run_id) as ledger,
        published(folder, rate=load.rate, ledger=path) as tell,
    ):

        def told(progress: Any) -> None:
            tell(progress)
            found.extend(believed(folder))
            stop.set()

        site = await serve(fails)
        report = await run_load(load, site, ledger=ledger, on_progress=told, stop=stop)
    (figures,) = found
    assert (figures.pid, figures.rate, figures.ledger) == (os.getpid(), 100.0, str(path))
    assert figures.acknowledged
    assert report.ledger
    assert 0 < figures.acknowledged <= report.ledger.acknowledged
    assert 0 < figures.failed <= report.overall.failed
    assert 0 < figures.longest_stall_ms <= report.writes.longest_stall_ms
    assert list(folder.iterdir()) == []


async def test_a_place_that_cannot_be_written_costs_the_load_nothing(
    serve: Any, plan: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "file"
    folder.write_text("in the way")

    async def answers(request: web.Request) -> web.Response:
        return web.Response()

    with published(folder, rate=1.0, ledger=None) as tell:
        report = await run_load(plan(duration="1200ms"), await serve(answers), on_progress=tell)
    assert report.ok
    assert folder.read_text() == "in the way"


def test_an_error_ends_it_as_well(tmp_path: Path) -> None:
    def breaks() -> None:
        with published(tmp_path, rate=1.0, ledger=None, pid=7):
            (tmp_path / "7.json").write_text("{}")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    assert list(tmp_path.iterdir()) == []
