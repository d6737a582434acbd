"""Maintenance at a real nginx: who gets what, and that nobody notices the switch itself."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import pytest
from tests.contract.edge.conftest import Edge
from tests.support.edge import as_nobody
from tests.support.posts import Posts

from tenfold.engines.nginx import maintenance
from tenfold.engines.nginx.maintenance import Notice
from tenfold.topology.process import Command
from tenfold.topology.settings import EdgeSettings

pytestmark = pytest.mark.engine

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def settings() -> EdgeSettings:
    return EdgeSettings(health="/healthz?full=1")


def show(edge: Edge, notice: Notice | None) -> None:
    """What an agent does when it is told to."""
    config = f"{edge.root}/config"
    if notice is None:
        carry_out(maintenance.switch_off(config))
        return
    for file in maintenance.files(notice, config):
        path = Path(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(file.text))
    subprocess.run(["chown", "-R", "65534:65534", f"{config}/maintenance"], check=False)
    carry_out(maintenance.switch_on(notice, config))


def carry_out(command: Command) -> None:
    subprocess.run(command.argv, check=True, **as_nobody())


async def test_browsers_get_the_page_and_programs_get_json(edge, client, app):
    show(edge, Notice(since=1.0, message="New <shelves>", until=1_900_000_000.0))
    async with client.get("/any/path?x=1", headers=BROWSER) as answer:
        assert answer.status == 503
        assert answer.content_type == "text/html"
        text = await answer.text()
        assert "New &lt;shelves&gt;" in text
        assert "17 March 2030, 17:46 UTC" in text
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Last-Modified" not in answer.headers
        assert "ETag" not in answer.headers
        assert answer.headers["X-Request-ID"]
        back = parsedate_to_datetime(answer.headers["Retry-After"])
        assert back.timestamp() == 1_900_000_000
    async with client.post("/any", data=b"x" * 300_000) as answer:
        assert (answer.status, answer.content_type) == (503, "application/json")
        told = await answer.json()
        assert told["error"] == "maintenance"
        assert told["detail"] == "New <shelves>"
    assert app.seen == []


async def test_without_an_end_it_is_asked_again_in_two_minutes(edge, client):
    show(edge, Notice(since=1.0))
    async with client.get("/", headers=BROWSER) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "120")
        assert maintenance.PLAIN in await answer.text()


async def test_the_users_own_page_comes_as_it_is(edge, client):
    page = "<!doctype html><p>§ $uri @APP@ <!--# echo var='id' --></p>"
    show(edge, Notice(since=1.0, page=page))
    async with client.get("/", headers=BROWSER) as answer:
        assert await answer.text() == page


async def test_health_checks_probes_and_proofs_for_certificates_stay(edge, client, app):
    show(edge, Notice(since=1.0))
    for path, status in (
        ("/healthz", 200),
        ("/healthz?full=1", 200),
        ("/.well-known/acme-challenge/x", 200),
        ("/.tenfold/edge", 204),
        ("/healthz/more", 503),
        ("/healthzx", 503),
        ("/.well-known/other", 503),
        ("/x/../healthzz", 503),
    ):
        async with client.get(path) as answer:
            assert answer.status == status, path
    assert app.seen == ["GET /healthz", "GET /healthz?full=1", "GET /.well-known/acme-challenge/x"]


async def test_its_files_are_nobodys_to_ask_for(edge, client):
    show(edge, Notice(since=1.0))
    for path in ("/.tenfold/maintenance.html", "/.tenfold/maintenance.json"):
        async with client.get(path) as answer:
            assert answer.status == 404, path


async def test_guests_reach_the_app(edge, client, app):
    show(edge, Notice(since=1.0, guests=("127.0.0.1",)))
    async with client.post("/in", data=b"body") as answer:
        assert answer.status == 200
    elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.9", 0))
    async with aiohttp.ClientSession(edge.url, connector=elsewhere) as other:
        async with other.get("/in") as answer:
            assert answer.status == 503
        claims = {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
        async with other.get("/in", headers=claims) as answer:
            assert answer.status == 503
    show(edge, Notice(since=2.0))
    async with client.get("/in") as answer:
        assert answer.status == 503
    assert app.seen == ["POST /in"]


async def test_the_state_is_told_in_one_word(edge, client):
    words = []
    for notice in (None, Notice(since=1.0), Notice(since=2.0), None):
        show(edge, notice)
        async with client.get(maintenance.STATE_PATH) as answer:
            words.append(await answer.text())
    assert words == ["off", "on", "on", "off"]


async def test_it_is_on_again_after_the_edge_was_killed(edge):
    show(edge, Notice(since=1.0))
    edge.kill_group()
    edge.start()
    await edge.ready()
    async with aiohttp.ClientSession(edge.url) as client, client.get("/") as answer:
        assert answer.status == 503


async def test_an_answer_that_is_under_way_is_finished(edge, client, app):
    async with client.get("/stream") as answer:
        assert await answer.content.readline() == b"data: first\n"
        show(edge, Notice(since=1.0))
        app.gate.set()
        assert b"data: second" in await answer.content.read()


async def test_forty_switches_fail_no_request_and_end_no_connection(edge):
    notice = Notice(since=1.0, message="x")
    async with Posts(edge.settings.port) as posts:
        for number in range(40):
            await posts.more(10)
            show(edge, None if number % 2 else replace(notice, since=float(number)))
        await posts.more(10)
    told = set(posts.outcome.failed)
    assert told == {"http/1.1 503 service temporarily unavailable"}
    assert posts.outcome.answered > len(posts.outcome.failed) > 0
    assert posts.outcome.refused == 0
