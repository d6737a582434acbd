"""TLS: who gets in how, and a certificate that is replaced while everybody is there."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
from tests.support.certificates import put, trusting
from tests.support.http import raw

from tenfold.certificates import pem
from tenfold.engines.nginx.site import challenge_root, kept_certificate
from tenfold.topology.settings import Asset, EdgeSettings, Tls

pytestmark = pytest.mark.engine

NAME = "shop.example"
WWW = f"www.{NAME}"
DAY_SECONDS = 86_400


@pytest.fixture
def settings() -> EdgeSettings:
    return EdgeSettings(
        assets=(Asset("/static", "site/static"),),
        names=(NAME,),
        aliases=((WWW, NAME),),
        tls=Tls(port=0, hsts_seconds=DAY_SECONDS, certificates="certificates"),
    )


@pytest.fixture
async def kept(idle_edge) -> Path:
    """The certificate that the edge uses."""
    path = Path(kept_certificate(idle_edge.scene().place, "certificates"))
    put(path, NAME, WWW)
    return path


@pytest.fixture
async def edge(idle_edge, kept):
    idle_edge.start()
    await idle_edge.ready()
    return idle_edge


class Everywhere(aiohttp.abc.AbstractResolver):
    """Every name leads to this machine."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        found = aiohttp.abc.ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
        )
        return [found]

    async def close(self) -> None:
        pass


def visitor(edge, context: ssl.SSLContext, **options) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(resolver=Everywhere(), ssl=context, **options)
    return aiohttp.ClientSession(f"https://{NAME}:{edge.secure_port}", connector=connector)


def handshake(edge, context: ssl.SSLContext, name: str = NAME) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", edge.secure_port), timeout=10)
    return context.wrap_socket(plain, server_hostname=name)


def unchecked() -> ssl.SSLContext:
    """A client that takes every certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def served(edge) -> str:
    """The serial of the certificate that a new visitor is shown."""
    with handshake(edge, unchecked()) as connection:
        shown = connection.getpeercert(binary_form=True)
    return pem.facts(ssl.DER_cert_to_PEM_cert(shown)).serial


async def test_the_app_is_told_that_it_is_https(edge, kept):
    async with visitor(edge, trusting(kept)) as client, client.get("/") as answer:
        told = {k.lower(): v for k, v in (await answer.json())["headers"]}
    assert told["x-forwarded-proto"] == "https"
    assert told["host"] == f"{NAME}:{edge.secure_port}"


@pytest.mark.parametrize("path", ["/", "/static/style.css", "/unavailable"])
async def test_every_answer_says_hsts_once(edge, kept, path):
    (edge.assets("current") / "style.css").write_text("p {}")
    async with visitor(edge, trusting(kept)) as client, client.get(path) as answer:
        assert answer.headers.getall("Strict-Transport-Security") == [f"max-age={DAY_SECONDS}"]


@pytest.mark.parametrize("name", [NAME, WWW])
@pytest.mark.parametrize(("method", "path"), [("GET", "/a%20b?c=d"), ("POST", "/a%20b?c=d")])
async def test_plain_requests_are_sent_to_https(edge, app, name, method, path):
    asked = f"{name}:{edge.settings.port}"
    text = f"{method} {path} HTTP/1.1\nHost: {asked}\nContent-Length: 0\nConnection: close\n\n"
    status, headers, _ = await raw(edge.settings.port, text)
    assert (status, headers["Location"]) == (308, f"https://{name}:{edge.secure_port}{path}")
    assert "Strict-Transport-Security" not in headers
    assert app.seen == []


async def test_plain_requests_on_the_usual_port_are_sent_to_the_usual_port(edge):
    text = f"GET / HTTP/1.1\nHost: {NAME}\nConnection: close\n\n"
    _, headers, _ = await raw(edge.settings.port, text)
    assert headers["Location"] == f"https://{NAME}/"


async def test_www_leads_to_the_name(edge, kept):
    async with visitor(edge, trusting(kept)) as client:
        url = f"https://{WWW}:{edge.secure_port}/x?y"
        async with client.get(url, allow_redirects=False) as answer:
            found = (answer.status, answer.headers["Location"])
    assert found == (308, f"https://{NAME}:{edge.secure_port}/x?y")


@pytest.mark.parametrize("name", ["evil.example", "x.shop.example"])
async def test_a_stranger_gets_no_certificate(edge, kept, name):
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        handshake(edge, trusting(kept), name)


async def test_another_host_on_a_good_connection_is_answered_421(edge, kept, app):
    lie = {"Host": "evil.example"}
    async with visitor(edge, trusting(kept)) as client, client.get("/", headers=lie) as answer:
        assert answer.status == 421
    assert app.seen == []


@pytest.mark.parametrize(
    ("version", "works"),
    [("TLSv1_3", True), ("TLSv1_2", True), ("TLSv1_1", False), ("TLSv1", False)],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_versions_of_tls(edge, kept, version, works):
    context = trusting(kept)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    if works:
        with handshake(edge, context) as connection:
            assert connection.version() == version.replace("_", ".")
    else:
        with pytest.raises(ssl.SSLError):
            handshake(edge, context)


async def test_tls_1_2_without_forward_secrecy_is_refused(edge, kept):
    context = trusting(kept, maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES128-GCM-SHA256:AES256-SHA")
    with pytest.raises(ssl.SSLError):
        handshake(edge, context)


async def test_http_2_is_spoken(edge, kept):
    context = trusting(kept)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with handshake(edge, context) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        assert connection.recv(9)[3] == 4  # a SETTINGS frame (RFC 9113, section 6.5)


async def test_a_visitor_who_comes_back_resumes(edge, kept):
    context = trusting(kept, maximum_version=ssl.TLSVersion.TLSv1_2)
    with handshake(edge, context) as connection:
        session = connection.session
    plain = socket.create_connection(("127.0.0.1", edge.secure_port), timeout=10)
    with context.wrap_socket(plain, server_hostname=NAME, session=session) as again:
        assert again.session_reused


async def test_a_challenge_is_shown_over_plain_http_and_nothing_beside_it(edge, app):
    root = Path(challenge_root(edge.scene().place, "certificates"))
    folder = root / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token-1").write_text("token-1.proof")
    (root / "outside").write_text("not for anybody")
    (folder / "leads").symlink_to(root / "outside")
    base = "/.well-known/acme-challenge"
    found = {}
    for path in ("token-1", "token-2", "leads", "../../outside", "%2e%2e/%2e%2e/outside", ""):
        text = f"GET {base}/{path} HTTP/1.1\nHost: {NAME}\nConnection: close\n\n"
        status, _, body = await raw(edge.settings.port, text)
        found[path] = (status, body if status == 200 else b"")
    assert found.pop("token-1") == (200, b"token-1.proof")
    assert {status for status, _ in found.values()} <= {308, 400, 403, 404}
    assert app.seen == []


async def test_a_new_certificate_is_taken_and_nobody_notices(edge, kept, app):
    """Without a reload: same processes, open WebSockets stay, no handshake and no request fails."""
    before, key = served(edge), kept.read_text()
    workers, outcome, over = edge.children(), [0, 0], asyncio.Event()

    async def visit(client: aiohttp.ClientSession) -> None:
        while not over.is_set():
            try:
                async with client.post("/", data=b"x") as answer:
                    await answer.read()
                    outcome[answer.status != 200] += 1
            except (aiohttp.ClientError, OSError):
                outcome[1] += 1

    async def shown(serial: str) -> None:
        async with asyncio.timeout(30):
            while await asyncio.to_thread(served, edge) != serial:
                assert outcome[1] == 0

    async with (
        visitor(edge, unchecked()) as lasting_client,
        visitor(edge, unchecked(), force_close=True) as fresh_client,
        lasting_client.ws_connect("/talk") as talk,
    ):
        tasks = [asyncio.create_task(visit(c)) for c in (lasting_client, fresh_client) * 2]
        for _ in range(3):
            serial, enough = put(kept, NAME, WWW, key=key), outcome[0] + 100
            assert serial != before
            await shown(serial)
            async with asyncio.timeout(30):
                while outcome[0] < enough:
                    await asyncio.sleep(0.01)
        await talk.send_str("still there")
        assert (await talk.receive_str()) == "you said still there"
        over.set()
        await asyncio.gather(*tasks)
    assert outcome[1] == 0
    assert edge.children() == workers
    assert [line for line in edge.complaints() if "SSL" in line] == []
