"""Bad days of an authority: whatever it does, whose fault it is gets told, and how to go on."""

from __future__ import annotations

import datetime
import email.utils
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tenfold.certificates import pem
from tenfold.certificates.authority import Authority
from tenfold.certificates.state import Fault

HOUR = datetime.timedelta(hours=1)


@dataclass
class Says:
    """What the server answers to whatever it is asked."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    clock: datetime.timedelta = datetime.timedelta()


class Server(BaseHTTPRequestHandler):
    says: Says

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Every method is answered alike."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        self.send_response_only(self.says.status)
        now = datetime.datetime.now(datetime.UTC) + self.says.clock
        self.send_header("Date", email.utils.format_datetime(now, usegmt=True))
        self.send_header("Replay-Nonce", "oFvnlFP1wIhRlYS2jTaXbA")
        for name, value in self.says.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.says.body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@dataclass
class Place:
    url: str
    roots: str
    says: Says


def serving(folder: Path, when: datetime.datetime, days: float) -> Iterator[Place]:
    """A server over TLS, with a certificate that begins at this time."""
    key = pem.new_key()
    chain = pem.self_signed(key, ["localhost"], when, days)
    (folder / "root.pem").write_text(chain)
    (folder / "server.pem").write_text(pem.key_text(key) + chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    says = Says()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Server,), {"says": says}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"https://localhost:{server.server_address[1]}/directory"
    yield Place(url, str(folder / "root.pem"), says)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from serving(tmp_path, datetime.datetime.now(datetime.UTC), 10)


@pytest.fixture
def expired(tmp_path: Path) -> Iterator[Place]:
    yield from serving(tmp_path, datetime.datetime.now(datetime.UTC) - 100 * HOUR, 1)


def order(url: str, roots: str, proofs: Path) -> Fault:
    authority = Authority(url, pem.new_key(), roots)
    with pytest.raises(Fault) as caught:
        authority.order(pem.new_key(), ["shop.example"], proofs)
    assert not proofs.exists() or list(proofs.iterdir()) == []
    return caught.value


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"https://localhost:{closed.getsockname()[1]}/directory"
    found = order(url, "", tmp_path / "proofs")
    assert found.kind == "authority"
    assert "Connection refused" in found.what
    assert "stays" in found.next


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    found = order("https://no-such-authority.invalid/directory", "", tmp_path / "proofs")
    assert found.kind == "authority"


def test_a_server_that_nobody_vouches_for(place: Place, tmp_path: Path) -> None:
    found = order(place.url, "", tmp_path / "proofs")
    assert found.kind == "authority"
    assert "is not who it should be" in found.what
    assert "acme_ca" in found.next


def test_a_server_whose_certificate_has_ended_by_this_clock(expired: Place, tmp_path: Path) -> None:
    found = order(expired.url, expired.roots, tmp_path / "proofs")
    assert found.kind == "clock"
    assert "by this machine's clock" in found.what


@pytest.mark.parametrize(
    ("ahead", "way"), [(HOUR, "60 minutes behind"), (-HOUR, "60 minutes ahead")]
)
def test_a_clock_that_is_wrong(
    place: Place, tmp_path: Path, ahead: datetime.timedelta, way: str
) -> None:
    place.says.clock = ahead
    found = order(place.url, place.roots, tmp_path / "proofs")
    assert found.kind == "clock"
    assert way in found.what


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, b"busy"), (200, b"<html>"), (200, b"[]"), (500, b"{}"), (200, b"{}")],
    ids=["busy", "no JSON", "another JSON", "broken", "no directory"],
)
def test_one_that_does_not_answer_as_it_should(
    place: Place, tmp_path: Path, status: int, body: bytes
) -> None:
    place.says.status, place.says.body = status, body
    assert order(place.url, place.roots, tmp_path / "proofs").kind == "authority"


def directory(place: Place) -> bytes:
    names = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
    return json.dumps(dict.fromkeys(names, place.url)).encode()


def problem(kind: str, detail: str) -> bytes:
    return json.dumps({"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail}).encode()


@pytest.mark.parametrize(
    ("error", "kind", "wait_seconds"),
    [("rateLimited", "limited", 86_400), ("rejectedIdentifier", "refused", 0)],
)
def test_one_that_says_no(
    place: Place, tmp_path: Path, error: str, kind: str, wait_seconds: float
) -> None:
    place.says.status, place.says.body = 429, problem(error, "too many orders")
    place.says.headers = {"Content-Type": "application/problem+json"}
    if wait_seconds:
        place.says.headers["Retry-After"] = "86400"
    found = order(place.url, place.roots, tmp_path / "proofs")
    assert (found.kind, found.wait_seconds) == (kind, wait_seconds)
    assert "too many orders" in found.what


def test_one_that_knows_its_customers_already(place: Place, tmp_path: Path) -> None:
    told = json.loads(directory(place)) | {"meta": {"externalAccountRequired": True}}
    place.says.body = json.dumps(told).encode()
    found = order(place.url, place.roots, tmp_path / "proofs")
    assert found.kind == "refused"
    assert "external binding" in found.what


def issued() -> str:
    """A certificate that says who issued it, as those of authorities do."""
    key, now = pem.new_key(), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example")])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + 24 * HOUR)
        .add_extension(issuer, critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def suggestion(place: Place, chain: str) -> tuple[float, float]:
    return Authority(place.url, pem.new_key(), place.roots).suggestion(chain)


def test_when_to_renew_is_what_the_authority_suggests(place: Place) -> None:
    begin, end = "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z"
    told = json.loads(directory(place)) | {
        "renewalInfo": place.url,
        "suggestedWindow": {"start": begin, "end": end},
    }
    place.says.body = json.dumps(told).encode()
    place.says.headers = {"Retry-After": "3600"}
    renew, again = suggestion(place, issued())
    assert datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC).timestamp() <= renew
    assert renew <= datetime.datetime(2030, 1, 2, tzinfo=datetime.UTC).timestamp()
    assert 3500 < again - datetime.datetime.now().timestamp() < 3700


def test_one_that_has_no_opinion(place: Place) -> None:
    place.says.body = directory(place)
    assert suggestion(place, issued())[0] == 0


@pytest.mark.parametrize("window", [None, {}, {"start": "soon", "end": "later"}])
def test_an_opinion_that_nobody_understands(place: Place, window: object) -> None:
    told = json.loads(directory(place)) | {"renewalInfo": place.url, "suggestedWindow": window}
    place.says.body = json.dumps(told).encode()
    with pytest.raises(Fault):
        suggestion(place, issued())


def test_a_certificate_that_does_not_say_who_issued_it(place: Place) -> None:
    told = json.loads(directory(place)) | {"renewalInfo": place.url}
    place.says.body = json.dumps(told).encode()
    plain = pem.self_signed(pem.new_key(), ["a.org"], datetime.datetime.now(datetime.UTC))
    with pytest.raises(Fault):
        suggestion(place, plain)
