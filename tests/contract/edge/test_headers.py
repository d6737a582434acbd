"""Who says what: request ids, forwarded headers, and names that only the edge may use."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.support.http import raw

pytestmark = pytest.mark.engine


async def told(client, headers: dict[str, str], path: str = "/") -> dict[str, str]:
    """The headers that the app got, by lower-case name; none of them may come twice."""
    async with client.get(path, headers=headers) as answer:
        pairs = (await answer.json())["headers"]
    names = [name.lower() for name, _ in pairs]
    assert len(names) == len(set(names))
    return {name.lower(): value for name, value in pairs}


async def test_forwarded_headers_are_the_edges_alone(edge, client):
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Ssl": "on",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Original-URL": "/admin",
        "Proxy": "http://evil.example",
    }
    got = await told(client, lies)
    port = str(edge.settings.port)
    assert got["x-forwarded-for"] == "127.0.0.1"
    assert got["x-real-ip"] == "127.0.0.1"
    assert got["x-forwarded-proto"] == "http"
    assert got["host"] == f"127.0.0.1:{port}"
    kept = {"x-forwarded-for", "x-real-ip", "x-forwarded-proto"}
    assert {name.lower() for name in lies} & got.keys() == kept


@pytest.mark.parametrize("name", ["Tenfold-Position", "tenfold-release", "TENFOLD-CELL"])
@pytest.mark.parametrize("path", ["/", "/static/none.css", "/.hidden", "/a?x"])
async def test_tenfolds_own_headers_are_not_taken_from_clients(client, name, path):
    got = await told(client, {name: "forged", name.replace("-", "_"): "forged"}, path)
    assert not [x for x in got if x.startswith("tenfold")]


async def test_a_header_of_tenfold_to_come_is_stripped_where_the_build_can(edge, client):
    if not edge.found.build.clears_headers:
        pytest.skip("this nginx can strip only headers that are named")
    assert not [x for x in await told(client, {"Tenfold-Anything": "x"}) if "tenfold" in x]


async def test_the_app_sees_the_host_that_was_asked_for(edge):
    _, _, body = await raw(
        edge.settings.port, "GET / HTTP/1.1\nHost: site.example:81\nConnection: close\n\n"
    )
    assert ["Host", "site.example:81"] in json.loads(body)["headers"]
    _, _, body = await raw(edge.settings.port, "GET / HTTP/1.0\n\n")
    assert [x for x, _ in json.loads(body)["headers"]].count("Host") == 1


async def test_hop_by_hop_headers_end_here(client):
    got = await told(
        client, {"Connection": "keep-alive, X-Real-IP", "TE": "trailers", "Upgrade": "h2c"}
    )
    assert not {"te", "upgrade", "keep-alive"} & got.keys()
    assert got["x-real-ip"] == "127.0.0.1"


async def test_two_lengths_are_refused(edge, app):
    for both in ("Content-Length: 5\nTransfer-Encoding: chunked", "Content-Length: 5, 6"):
        status, _, _ = await raw(edge.settings.port, f"POST / HTTP/1.1\nHost: x\n{both}\n\n0\n\n")
        assert status == 400
    assert app.seen == []


async def test_a_well_formed_request_id_is_kept(client):
    wanted = "0b8f1c9e-7a55-4a52-8d4c-0f5f0c7f5a11"
    async with client.get("/", headers={"X-Request-ID": wanted}) as answer:
        pairs = (await answer.json())["headers"]
    assert answer.headers.getall("X-Request-ID") == [wanted]
    assert [v for n, v in pairs if n.lower() == "x-request-id"] == [wanted]


@pytest.mark.parametrize("given", [None, "short", "x" * 129, 'quo"te-and-more', "spaces are bad"])
async def test_otherwise_a_request_gets_a_new_id(edge, client, given):
    headers = {} if given is None else {"X-Request-ID": given}
    async with client.get("/", headers=headers) as answer:
        pairs = (await answer.json())["headers"]
    [made] = answer.headers.getall("X-Request-ID")
    assert len(made) == 32
    assert made.isalnum()
    assert [v for n, v in pairs if n.lower() == "x-request-id"] == [made]


async def test_the_edge_does_not_say_its_version(client):
    async with client.get("/") as answer:
        assert answer.headers["Server"] == "nginx"


async def test_the_log_tells_the_request_but_no_secrets(edge, client):
    wanted = "an-id-to-look-for-1"
    url = "/login/é%22?token=s3cret"
    headers = {"X-Request-ID": wanted, "Referer": "http://x/?token=s3cret", "User-Agent": 'a"\\b'}
    async with client.post(url, headers=headers, data=b"password=s3cret") as answer:
        assert answer.status == 200
    async with asyncio.timeout(20):
        while not (found := [x for x in edge.lines() if x["id"] == wanted]):
            await asyncio.sleep(0.05)
    [line] = found
    assert (line["method"], line["status"]) == ("POST", 200)
    assert line["path"] == "/login/%C3%A9%22"
    assert line["agent"] == 'a"\\b'
    assert line["sent_bytes"] > 0
    assert 0 <= line["app_seconds"] <= line["seconds"] + 0.01
    assert "s3cret" not in edge.log.read_text()


async def test_the_log_stays_json_when_requests_are_not_http(edge, client):
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.settings.port)
    writer.write(b'\x16\x03\x01"{\\ nonsense\r\n\r\n')
    await reader.read()
    writer.close()
    async with client.get("/last") as answer:
        assert answer.status == 200

    def statuses() -> list[int]:
        # Each of nginx's processes writes its lines when it likes to.
        return sorted(x["status"] for x in edge.lines() if x["path"] != "/.tenfold/edge")

    async with asyncio.timeout(20):
        while len(statuses()) < 2:
            await asyncio.sleep(0.05)
    assert statuses() == [200, 400]
