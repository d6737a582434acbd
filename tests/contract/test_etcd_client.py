"""The client against real members: what it reads and writes, whom it asks, how it fails."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import etcd
from tests.support.postgres import wait_for

from tenfold.engines.etcd.authority import new_authority, new_host
from tenfold.engines.etcd.names import AUTHORITY, AUTHORITY_KEY
from tenfold.etcd import (
    Access,
    Client,
    Delete,
    EtcdError,
    Lease,
    Put,
    Range,
    absent,
    unchanged,
    value_is,
    watch,
)
from tenfold.secret import Secret

pytestmark = [pytest.mark.engine, pytest.mark.few(5)]
PASSWORD = "a-password-of-nobody"


@pytest.fixture(scope="module")
def cluster() -> Iterator[etcd.Cluster]:
    with etcd.running() as made:
        yield made


@pytest.fixture
def client(cluster: etcd.Cluster) -> Iterator[Client]:
    for member in cluster.members:
        member.resume()
    with Client(Access(cluster.urls)) as made:
        made.delete("/", prefix=True)
        yield made


def test_keys_come_back_as_they_were_written_in_order_and_at_a_revision(client: Client) -> None:
    client.put("/shop/b", b"\x00\xff")
    revision = client.put("/shop/a", b"")
    client.put("/shop/a", b"later")
    assert client.get("/shop/b").value == b"\x00\xff"  # type: ignore[union-attr]
    then = client.range(Range("/shop/", prefix=True, revision=revision))
    assert [(kv.key, kv.value) for kv in then] == [("/shop/a", b""), ("/shop/b", b"\x00\xff")]
    last = client.range(Range("/shop/", prefix=True, most=1, backwards=True, keys_only=True))
    assert [(kv.key, kv.value) for kv in last] == [("/shop/b", b"")]
    assert client.delete("/shop/", prefix=True) == 2
    assert client.get("/shop/a") is None


def test_a_transaction_does_all_or_the_other_thing(client: Client) -> None:
    first = client.transact([absent("/k")], [Put("/k", b"1"), Put("/l", b"2")])
    assert first.held
    again = client.transact([absent("/k")], [Put("/k", b"3")], [Range("/", prefix=True)])
    assert not again.held
    assert [kv.value for kv in again.found[0]] == [b"1", b"2"]
    assert client.transact([unchanged("/k", first.revision)], [Delete("/k")]).held
    assert not client.transact([value_is("/k", b"1")], [Put("/k", b"4")]).held


def test_what_a_lease_holds_goes_with_it(client: Client) -> None:
    client.grant(77, 30)
    client.grant(77, 30)
    client.put("/held", b"x", lease=77)
    assert client.keep(77) == 30
    client.revoke(77)
    client.revoke(77)
    assert client.get("/held") is None
    assert client.keep(77) == 0


def test_whoever_watches_hears_of_every_change_once(client: Client) -> None:
    since = client.put("/w/a", b"1")
    client.put("/w/a", b"2")
    client.delete("/w/a")
    heard = []
    for change in watch(client, "/w/", prefix=True, since=since, quiet=0.5):
        if change is None:
            break
        heard.append((change.key.key, change.key.value, change.removed))
    assert heard == [("/w/a", b"1", False), ("/w/a", b"2", False), ("/w/a", b"", True)]


def test_a_revision_that_is_gone_is_told(client: Client) -> None:
    first = client.put("/w/a", b"1")
    client.compact(client.put("/w/a", b"2"))
    client.compact(first)
    with pytest.raises(EtcdError) as caught:
        next(watch(client, "/w/a", since=first))
    assert caught.value.kind == "compacted"


def test_members_and_their_leader_are_known(client: Client, cluster: etcd.Cluster) -> None:
    assert sorted(m.name for m in client.members()) == ["etcd1", "etcd2", "etcd3"]
    said = [client.status(url) for url in cluster.urls]
    assert {s.leader for s in said} <= {s.id for s in said}


def test_a_request_that_is_too_large_is_refused_and_not_tried_again(client: Client) -> None:
    began = time.monotonic()
    with pytest.raises(EtcdError) as caught:
        client.put("/large", b"x" * (3 << 20))
    assert caught.value.kind != "silent"
    assert time.monotonic() - began < client.within


def test_a_member_that_is_paused_is_left_for_another(client: Client, cluster: etcd.Cluster) -> None:
    client.put("/k", b"1")
    asked = cluster.members[cluster.urls.index(client.exchange.order()[0])]
    asked.pause()
    try:
        client.put("/k", b"2")
        assert client.exchange.order()[0] != asked.url
        assert client.get("/k").value == b"2"  # type: ignore[union-attr]
    finally:
        asked.resume()


def test_whoever_holds_a_key_is_the_only_one_and_a_successor_has_a_higher_token(
    client: Client,
) -> None:
    first = Lease(client, "/controller", "app1", seconds=2)
    second = Lease(client, "/controller", "app2", seconds=2)
    held = first.step()
    assert held is not None
    assert second.step() is None
    assert second.holder() == "app1"
    wait_for(lambda: second.step() is not None, within=20, subject="app2 to hold the key")
    assert first.holding is None
    assert second.holding is not None
    assert second.holding.token > held.token
    assert not client.transact([held.condition], [Put("/deed", b"by app1")]).held
    assert client.transact([second.holding.condition], [Put("/deed", b"by app2")]).held
    assert first.step() is None
    second.give_up()
    assert first.step() is not None


def test_a_lease_that_is_kept_stays_with_its_holder(client: Client) -> None:
    first = Lease(client, "/controller", "app1", seconds=2)
    second = Lease(client, "/controller", "app2", seconds=2)
    held = first.step()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        now = first.step()
        assert now is not None
        assert held is not None
        assert now.token == held.token
        assert second.step() is None
        threading.Event().wait(first.every_seconds)


def test_nobody_there_is_told_within_the_bound_and_without_secrets() -> None:
    access = Access(("http://127.0.0.1:1",), user="root", password=Secret(PASSWORD))
    began = time.monotonic()
    with pytest.raises(EtcdError) as caught:
        Client(access, within=0.5).get("/k")
    assert time.monotonic() - began < 3
    assert caught.value.kind == "silent"
    assert "nobody listens at http://127.0.0.1:1" in caught.value.what
    assert PASSWORD not in repr(access) + str(caught.value)


@pytest.fixture
def certificates() -> Iterator[tuple[etcd.Tls, dict[str, Secret], Secret]]:
    """What the members show, the authority, and a client's certificate."""
    now = datetime.datetime.now(datetime.UTC)
    authority = new_authority("shop", now)
    of = authority[AUTHORITY], authority[AUTHORITY_KEY]
    with tempfile.TemporaryDirectory(prefix="tf-tls-", dir=etcd.IN_MEMORY) as folder:
        trusted, own = Path(folder, "authority.pem"), Path(folder, "host.pem")
        trusted.write_text(of[0].reveal())
        own.write_text(new_host(*of, "db1", etcd.ADDRESS, now).reveal())
        etcd.own(Path(folder))
        tls = etcd.Tls(trusted, own, own, client_certificates=True)
        yield tls, authority, new_host(*of, "app1", etcd.ADDRESS, now)


def test_a_private_key_is_put_on_no_disk(
    certificates: tuple[etcd.Tls, dict[str, Secret], Secret], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is killed meanwhile would leave it there."""
    _, authority, own = certificates
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    trusted = authority[AUTHORITY].reveal()
    assert Access(("https://db1",), authority=trusted, certificate=own).context() is not None


def test_certificates_say_who_may_ask_and_who_is_asked(
    certificates: tuple[etcd.Tls, dict[str, Secret], Secret],
) -> None:
    tls, authority, own = certificates
    with etcd.running(1, tls=tls) as cluster, contextlib.ExitStack() as stack:

        def client(trusted: str | None, certificate: Secret | None) -> Client:
            access = Access(cluster.urls, authority=trusted, certificate=certificate)
            return stack.enter_context(Client(access, within=1.0))

        trusted = authority[AUTHORITY].reveal()
        known = client(trusted, own)
        known.put("/k", b"1")
        assert known.get("/k").value == b"1"  # type: ignore[union-attr]
        other = new_authority("other", datetime.datetime.now(datetime.UTC))[AUTHORITY].reveal()
        for stranger, why in (
            (client(trusted, None), "broke off"),
            (client(None, own), "is not trusted"),
            (client(other, own), "is not trusted"),
            (client(trusted, Secret("no PEM")), "cannot be read"),
        ):
            with pytest.raises(EtcdError, match=why) as caught:
                stranger.get("/k")
            assert "PRIVATE" not in str(caught.value)
            assert "no PEM" not in str(caught.value)


def test_users_log_in_and_do_so_again_when_their_token_is_gone() -> None:
    with etcd.running(1) as cluster, contextlib.ExitStack() as stack:

        def client(user: str | None, password: str) -> Client:
            access = Access(cluster.urls, user=user, password=Secret(password))
            return stack.enter_context(Client(access))

        plain, known = client(None, ""), client("root", PASSWORD)
        plain.ask("auth/user/add", {"name": "root", "password": PASSWORD})
        plain.ask("auth/user/grant", {"user": "root", "role": "root"})
        known.put("/before", b"1")  # etcd has no users yet
        plain.ask("auth/enable", {})
        known.put("/k", b"1")
        with pytest.raises(EtcdError) as caught:
            plain.get("/k")
        assert caught.value.kind == "refused"
        with pytest.raises(EtcdError) as caught:
            client("root", "another").get("/k")
        assert caught.value.kind == "refused"
        assert "another" not in caught.value.what
        cluster.members[0].stop()  # simple tokens are forgotten
        cluster.members[0].start()
        assert known.get("/k").value == b"1"  # type: ignore[union-attr]
