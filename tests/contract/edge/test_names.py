"""Names, redirects and passwords, without TLS."""

from __future__ import annotations

import base64

import pytest
from tests.contract.edge.test_maintenance import show
from tests.support.http import raw

from tenfold.engines.nginx import maintenance
from tenfold.engines.nginx.maintenance import Notice
from tenfold.secret import Secret
from tenfold.topology.settings import Asset, EdgeSettings, Redirect

pytestmark = pytest.mark.engine

NAME = "shop.example"


@pytest.fixture
def settings() -> EdgeSettings:
    return EdgeSettings(
        assets=(Asset("/static", "site/static"),),
        names=(NAME, "shop.test"),
        aliases=(("www.shop.example", NAME),),
        redirects=(
            Redirect("/old", "/new"),
            Redirect("/gone", "https://elsewhere.example/?x=1", 301),
        ),
        users=("anna", "ben"),
        max_body_bytes=1 << 10,
    )


@pytest.fixture
def secrets() -> dict[str, Secret]:
    return {
        "edge.salt": Secret("salt"),
        "edge.user.anna": Secret("open sesame"),
        "edge.user.ben": Secret("pässword: §"),
    }


async def get(edge, path: str, host: str = NAME, more: str = "") -> tuple[int, dict[str, str]]:
    text = f"GET {path} HTTP/1.1\nHost: {host}\n{more}Connection: close\n\n"
    status, headers, _ = await raw(edge.settings.port, text)
    return status, headers


def basic(user: str, password: str) -> str:
    return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}\n"


ANNA = basic("anna", "open sesame")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "shop.example.evil", "x.shop.test"])
@pytest.mark.parametrize("path", ["/", "/old", "/static/x.css"])
async def test_another_name_is_answered_421_and_the_app_sees_nothing(edge, app, host, path):
    status, _ = await get(edge, path, host, ANNA)
    assert (status, app.seen) == (421, [])


async def test_without_a_name_it_is_421_too(edge):
    status, _, _ = await raw(edge.settings.port, "GET / HTTP/1.0\n\n")
    assert status == 421


@pytest.mark.parametrize("host", [NAME, "SHOP.example", "shop.test", f"{NAME}:8000"])
async def test_its_own_names_are_served(edge, app, host):
    status, _ = await get(edge, "/", host, ANNA)
    assert (status, app.seen) == (200, ["GET /"])


@pytest.mark.parametrize(("asked", "port"), [("", ""), (":8000", ":8000")])
async def test_an_alias_leads_to_the_name_with_path_and_query(edge, asked, port):
    status, headers = await get(edge, "/a%20b?c=d", f"www.shop.example{asked}")
    assert (status, headers["Location"]) == (308, f"http://{NAME}{port}/a%20b?c=d")


async def test_redirects_keep_the_query_unless_they_have_their_own(edge):
    status, headers = await get(edge, "/old?page=2", more=ANNA)
    assert (status, headers["Location"]) == (308, "/new?page=2")
    status, headers = await get(edge, "/gone?page=2", more=ANNA)
    assert (status, headers["Location"]) == (301, "https://elsewhere.example/?x=1")


@pytest.mark.parametrize("path", ["/older", "/old/", "/new", "/x/old"])
async def test_only_the_whole_path_is_redirected(edge, path):
    status, _ = await get(edge, path, more=ANNA)
    assert status == 200


@pytest.mark.parametrize(
    "target", ["/old%0d%0aX-Evil:1", "//evil.example/%2e%2e/old", "/old%3f//evil"]
)
async def test_no_request_makes_a_redirect_lead_elsewhere(edge, target):
    _, headers = await get(edge, target, more=ANNA)
    assert headers.get("Location", "/new") == "/new"
    assert "X-Evil" not in headers


@pytest.mark.parametrize(
    "more",
    [
        "",
        basic("anna", "wrong"),
        basic("carl", "open sesame"),
        basic("anna", ""),
        "Authorization: x\n",
    ],
    ids=["none", "wrong", "nobody", "empty", "nonsense"],
)
@pytest.mark.parametrize("path", ["/", "/static/style.css", "/.hidden", "/slow"])
async def test_nobody_comes_in_without_the_password(edge, app, path, more):
    (edge.assets("current") / "style.css").write_text("secret")
    status, headers = await get(edge, path, more=more)
    assert (status, app.seen) == (401, [])
    assert headers["WWW-Authenticate"] == 'Basic realm="site"'


async def test_streams_and_websockets_ask_for_it_too(edge, app):
    for more in (
        "Accept: text/event-stream\n",
        "Upgrade: websocket\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n",
    ):
        assert (await get(edge, "/talk", more=more))[0] == 401
    assert app.seen == []


@pytest.mark.parametrize("more", [ANNA, basic("ben", "pässword: §")], ids=["anna", "ben"])
async def test_whoever_has_it_comes_in_and_the_app_does_not_see_it(edge, app, more):
    text = f"GET / HTTP/1.1\nHost: {NAME}\n{more}Connection: close\n\n"
    status, _, body = await raw(edge.settings.port, text)
    assert status == 200
    assert b"uthorization" not in body
    (edge.assets("current") / "style.css").write_text("p {}")
    assert (await get(edge, "/static/style.css", more=more))[0] == 200


async def test_the_agents_probe_needs_no_password(edge):
    assert (await get(edge, "/.tenfold/edge"))[0] == 204
    assert (await get(edge, "/.tenfold/edge", "127.0.0.1"))[0] == 204


async def test_its_own_error_pages_need_none(edge):
    text = f"POST / HTTP/1.1\nHost: {NAME}\nContent-Length: 5000\nConnection: close\n\n"
    status, _, body = await raw(edge.settings.port, text)
    assert status == 413
    assert b"too large" in body


async def test_the_file_with_users_is_closed_and_holds_no_password(edge):
    users = edge.root / "config" / "users"
    assert users.stat().st_mode & 0o777 == 0o600
    text = users.read_text()
    assert "open sesame" not in text
    assert text.startswith("anna:$6$")
    assert "open sesame" not in edge.log.read_text()


async def test_maintenance_is_shown_to_everybody_and_asked_for_by_no_name(edge, app):
    state = f"GET {maintenance.STATE_PATH} HTTP/1.0\n\n"
    assert (await raw(edge.settings.port, state))[2] == b"off"
    show(edge, Notice(since=1.0, message="Counting the stock"))
    assert (await raw(edge.settings.port, state))[2] == b"on"
    for kind in ("text/html", "application/json"):
        text = f"GET / HTTP/1.1\nHost: {NAME}\nAccept: {kind}\nConnection: close\n\n"
        status, headers, body = await raw(edge.settings.port, text)
        assert (status, headers["Content-Type"].partition(";")[0]) == (503, kind)
        assert b"Counting the stock" in body
    show(edge, None)
    assert (await get(edge, "/", more=ANNA))[0] == 200
    assert app.seen == ["GET /"]
