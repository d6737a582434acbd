"""``tenfold load`` on a site that nobody brought up here: its exit codes, and what stays of a run
whose ledger cannot be compared."""

from __future__ import annotations

import asyncio
import json
import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

import tenfold.cli.load as command
from tenfold.cli.loading import Reach
from tenfold.cli.main import run
from tenfold.load.lookup import NotNow
from tenfold.load.plan import TableSource
from tenfold.load.planning import plan_load
from tenfold.secret import Secret
from tenfold.spec.load import LoadTable

Tenfold = Callable[..., tuple[int | str | None, str, str]]

SPEC = """
name = "shop"
app = "shop:app"
[load]
rate = 40
duration = "500ms"
[load.ledger]
endpoint = "/ids?run={run}"
[[load.requests]]
method = "POST"
path = "/c"
json = { body = "hello {id}" }
ledger = true
"""
BY_SQL = SPEC.replace('endpoint = "/ids?run={run}"', 'table = "comments"\ncolumn = "body"')


class Shop:
    """Keeps what is posted; forgets or refuses every n-th, and does not tell what it has."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.posts = 0
        self.forgets_every = self.fails_every = 0
        self.tells = True

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/ids":
            return web.json_response(self.rows) if self.tells else web.Response(status=503)
        self.posts += 1
        if self.fails_every and self.posts % self.fails_every == 0:
            return web.Response(status=500, text="out of luck")
        if not self.forgets_every or self.posts % self.forgets_every:
            self.rows.append((await request.json())["body"])
        return web.json_response({}, status=201)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tenfold.toml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    """The shop's address; it is served from a thread, as the command wants the main one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", shop.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    try:
        runner = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def tenfold(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tenfold:
    monkeypatch.chdir(project)

    def call(*arguments: str) -> tuple[int | str | None, str, str]:
        try:
            code: int | str | None = run(arguments)
        except SystemExit as left:
            code = left.code
        return code, *capsys.readouterr()

    return call


def test_with_a_url_the_file_is_enough(
    tenfold: Tenfold, project: Path, shop: Shop, url: str
) -> None:
    code, out, err = tenfold("load", "--url", url, "--json")
    assert (code, err) == (0, "")
    report = json.loads(out.splitlines()[-1])
    assert report["ok"] is True
    assert report["comparison"]["acknowledged"] == shop.posts > 0
    assert report["uncompared"] is None
    assert sorted(path.name for path in project.iterdir()) == ["ledgers", "tenfold.toml"]


@pytest.mark.parametrize("fault", ["forgets_every", "fails_every"])
def test_lost_writes_and_failed_requests_exit_1(
    tenfold: Tenfold, project: Path, shop: Shop, url: str, fault: str
) -> None:
    setattr(shop, fault, 5)
    code, out, err = tenfold("load", "--url", url)
    assert (code, err) == (1, "")
    assert ("0 lost" in out) == (fault == "fails_every")
    assert ("status 500" in out) == (fault == "fails_every")


def test_a_comparison_that_fails_leaves_the_report_and_can_be_made_again(
    tenfold: Tenfold, project: Path, shop: Shop, url: str
) -> None:
    shop.tells = False
    code, out, err = tenfold("load", "--url", url)
    assert code == 1
    assert "p99 ms" in out
    assert "not yet, see below" in out
    assert "/ids" in err
    assert "it answered 503" in err
    assert "its ledger is kept: ledgers/" in err
    line = next(line for line in err.splitlines() if "tenfold load --compare" in line)
    again = shlex.split(line.strip().removesuffix("compares again"))[1:]
    assert again[-2:] == ["--url", url]

    code, _, err = tenfold(*again)
    assert code == 1, "still not told"
    assert "503" in err
    shop.tells = True
    code, out, _ = tenfold(*again)
    assert code == 0
    assert f"{shop.posts:,} acknowledged" in out
    assert "0 lost" in out
    shop.rows.pop()
    code, out, _ = tenfold(*again, "--json")
    assert code == 1
    assert json.loads(out)["counts"]["lost"] == 1


def test_programs_are_told_that_there_was_no_comparison(
    tenfold: Tenfold, project: Path, shop: Shop, url: str
) -> None:
    shop.tells = False
    code, out, _ = tenfold("load", "--url", url, "--json")
    assert code == 1
    *_, report, error = map(json.loads, out.splitlines())
    assert report["overall"]["failed"] == 0
    assert (report["ok"], report["comparison"]) == (False, None)
    assert "503" in report["uncompared"]
    assert error["event"] == "error"
    assert "--compare" in error["next"]


@pytest.mark.parametrize(
    ("spec", "next_"),
    [(BY_SQL, "--check-dsn-env"), (SPEC.replace("[load.ledger]\nendpoint", "#"), "a table")],
)
def test_a_ledger_that_nothing_could_be_compared_with_is_refused_before_the_load(
    tenfold: Tenfold, project: Path, shop: Shop, url: str, spec: str, next_: str
) -> None:
    (project / "tenfold.toml").write_text(spec)
    code, out, err = tenfold("load", "--url", url)
    assert (code, out) == (2, "")
    assert next_ in err
    assert shop.posts == 0
    assert not (project / "ledgers").exists()


def test_without_a_site_one_is_asked_for(tenfold: Tenfold) -> None:
    code, _, err = tenfold("load")
    assert code == 1
    assert "was never brought up" in err
    assert "--url" in err


def test_a_comparison_makes_no_load(tenfold: Tenfold) -> None:
    code, _, err = tenfold("load", "--compare", "l", "--rate", "5")
    assert code == 2
    assert "--compare makes no load" in err


class Moving:
    """A database that is moved to another address while a load ends."""

    site, reach, moves = None, Reach(False, ()), True

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)

    def dsn(self) -> Secret:
        return Secret(self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0])


@pytest.mark.parametrize("ends", [True, False])
def test_a_database_that_is_just_being_moved_is_looked_for_anew(
    ends: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    found = object()

    async def judge(ledger: Path, source: object, *, dsn: Secret, **_: object) -> object:
        asked.append(dsn.reveal())
        if asked[-1] == "the new one":
            return found
        raise NotNow("it follows")

    monkeypatch.setattr(command, "judge", judge)
    monkeypatch.setattr(command, "LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(command, "MOVING_SECONDS", 30.0 if ends else -1.0)
    plan = replace(
        plan_load(LoadTable(), run_id="1f3a9c2e"), source=TableSource(("c",), "body", "exact")
    )
    there = Moving("the old one", "the old one", "the new one")
    judged = command._of_whoever_leads(
        there,  # type: ignore[arg-type]
        lambda: command._judge(plan, there, tmp_path),  # type: ignore[arg-type]
    )
    if ends:
        assert asyncio.run(judged) is found
        assert asked == ["the old one", "the old one", "the new one"]
    else:
        with pytest.raises(NotNow):
            asyncio.run(judged)
