from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.agent.holder import holder, listeners
from tenfold.agent.sockets import Owned, Sockets, bind, is_listening
from tenfold.agent.store import Store
from tenfold.errors import PortTaken, TargetError
from tenfold.topology.process import Listen


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[Sockets]:
    made = Sockets(Store(tmp_path))
    yield made
    made.close()


def test_any_port_is_found_and_stays(sockets: Sockets, tmp_path: Path) -> None:
    first = sockets.own(Listen("app", "127.0.0.1", 0))
    assert sockets.own(Listen("app", "127.0.0.1", 0)) is first
    assert sockets.own(Listen("app", "127.0.0.1", first.listen.port)) is first
    sockets.close()
    successor = Sockets(Store(tmp_path))
    assert successor.own(Listen("app", "127.0.0.1", 0)).endpoint == first.endpoint
    successor.close()


def test_a_successor_binds_a_lost_socket_where_it_was(sockets: Sockets, tmp_path: Path) -> None:
    first = sockets.own(Listen("app", "127.0.0.1", 0, backlog=7))
    sockets.close()
    successor = Sockets(Store(tmp_path))
    assert not successor.has("app")
    assert successor.knows("app")
    with socket.socket(fileno=os.dup(successor.fd("app"))) as bound:
        assert bound.getsockname() == ("127.0.0.1", first.listen.port)
    successor.close()


def connects(owned: Owned) -> socket.socket | None:
    trial = socket.socket()
    trial.settimeout(0.3)
    try:
        trial.connect((owned.listen.address, owned.listen.port))
    except TimeoutError:
        trial.close()
        return None
    return trial


def test_a_queue_that_is_shortened_keeps_who_is_in_it_and_takes_nobody_more(
    sockets: Sockets,
) -> None:
    owned = sockets.own(Listen("app", "127.0.0.1", 0, gives_way=True))
    assert sockets.that_give_way() == ["app"]
    waiting = [connects(owned) for _ in range(3)]
    sockets.shorten("app")
    assert connects(owned) is None
    sockets.lengthen("app")
    later = connects(owned)
    assert later is not None
    for one in (*waiting, later):
        assert one is not None
        accepted, _ = owned.socket.accept()
        accepted.sendall(b"served")
        assert one.recv(9) == b"served"
        accepted.close()
        one.close()


def test_that_a_socket_gives_way_is_remembered_and_may_change(
    sockets: Sockets, tmp_path: Path
) -> None:
    first = sockets.own(Listen("app", "127.0.0.1", 0))
    again = sockets.own(Listen("app", "127.0.0.1", 0, gives_way=True))
    assert again.socket is first.socket
    assert again.endpoint == first.endpoint
    known = Sockets(Store(tmp_path)).remembered("app")
    assert known is not None
    assert known.gives_way
    sockets.own(Listen("app", "127.0.0.1", 0))
    assert sockets.that_give_way() == []
    assert "gives_way" not in (tmp_path / "sockets" / "app.json").read_text()


def test_a_new_port_replaces_the_old_one_and_is_told(sockets: Sockets) -> None:
    told: list[tuple[str, int]] = []
    sockets.changed = lambda name, fd: told.append((name, fd))
    first = sockets.own(Listen("app", "127.0.0.1", 0))
    second = sockets.own(Listen("app", "127.0.0.2", 0))
    assert first.socket.fileno() == -1
    assert sockets.endpoints() == {"app": second.endpoint}
    assert [name for name, _ in told] == ["app", "app"]


def test_a_taken_port_names_its_holder_and_changes_nothing(sockets: Sockets) -> None:
    before = sockets.own(Listen("app", "127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken) as refusal:
            sockets.own(Listen("app", "127.0.0.1", port))
        user = pwd.getpwuid(os.geteuid()).pw_name
        assert f"port {port} of 127.0.0.1 is taken by " in refusal.value.what
        assert f"(pid {os.getpid()}, user {user})" in refusal.value.what
        assert refusal.value.next == "stop it, or choose another port with --port"
    assert sockets.endpoints() == {"app": before.endpoint}
    assert sockets.remembered("app") == before.listen


def test_any_port_finds_another_when_the_one_before_is_taken(
    sockets: Sockets, tmp_path: Path
) -> None:
    port = sockets.own(Listen("app", "127.0.0.1", 0)).listen.port
    sockets.close()
    with socket.create_server(("127.0.0.1", port)):
        again = sockets.own(Listen("app", "127.0.0.1", 0))
        assert again.listen.port not in (0, port)


def test_somebody_who_listens_everywhere_is_found() -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
        assert f"pid {os.getpid()}" in holder("127.1.2.3", port)
    with socket.create_server(("::", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        assert f"pid {os.getpid()}" in holder("127.1.2.3", port)
        assert any(found.address == "::" and found.port == port for found in listeners())


def test_an_address_that_is_not_here_is_named(sockets: Sockets) -> None:
    with pytest.raises(TargetError, match=r"cannot listen on 192\.0\.2\.1:0: Cannot assign"):
        sockets.own(Listen("app", "192.0.2.1", 0))
    assert sockets.endpoints() == {}


def test_a_socket_that_cannot_be_remembered_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "sockets").write_text("in the way")
    sockets = Sockets(Store(tmp_path))
    with pytest.raises(TargetError, match="cannot"):
        sockets.own(Listen("app", "127.0.0.1", 0))
    assert sockets.endpoints() == {}


def test_a_descriptor_is_taken_over_only_if_it_is_what_it_should_be(sockets: Sockets) -> None:
    owned = sockets.own(Listen("app", "127.0.0.1", 0))
    copy = os.dup(owned.socket.fileno())
    sockets.close()
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert not sockets.take_over("app", os.dup(other.fileno()))
        assert not sockets.take_over("unknown", os.dup(other.fileno()))
    assert sockets.take_over("app", copy)
    assert sockets.endpoints() == {"app": owned.endpoint}


def test_a_kept_descriptor_is_worth_more_than_its_spoilt_record(
    sockets: Sockets, tmp_path: Path
) -> None:
    owned = sockets.own(Listen("app", "127.0.0.1", 0))
    copy = os.dup(owned.socket.fileno())
    sockets.close()
    (tmp_path / "sockets/app.json").write_text("{")
    successor = Sockets(Store(tmp_path))
    successor.inherit("app", copy)
    assert successor.endpoints() == {"app": owned.endpoint}
    assert successor.remembered("app") == owned.listen
    successor.close()


def test_a_listening_socket_is_told_from_anything_else(tmp_path: Path) -> None:
    owned = bind(Listen("app", "127.0.0.1", 0))
    assert is_listening(owned.socket.fileno())
    with socket.create_connection(("127.0.0.1", owned.listen.port)) as connection:
        assert not is_listening(connection.fileno())
    owned.socket.close()
    with (tmp_path / "file").open("w") as file:
        assert not is_listening(file.fileno())


def test_an_unknown_socket_cannot_be_passed_on(sockets: Sockets) -> None:
    with pytest.raises(TargetError, match="no listening socket called app"):
        sockets.fd("app")
