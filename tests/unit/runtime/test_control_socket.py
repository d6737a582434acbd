from __future__ import annotations

import os
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tenfold.runtime.control_socket import ControlSocket
from tenfold.wiring import control


class Peer:
    """Whoever asks."""

    def __init__(self, path: str) -> None:
        with socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(10)
            connected.connect(path)
            self.lines: Any = connected.makefile("rwb")

    def ask(self, line: bytes) -> dict[str, Any]:
        self.lines.write(line)
        self.lines.flush()
        return control.decode(self.lines.readline())


@pytest.fixture
def path() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/c.sock"


@pytest.fixture
def answered() -> list[str]:
    return []


@pytest.fixture
def served(path: str, answered: list[str]) -> Iterator[ControlSocket]:
    def order(message: dict[str, Any]) -> dict[str, Any]:
        if message["order"] == "fail":
            raise ValueError("not like this")
        return {"ok": True, "order": message["order"]}

    made = ControlSocket(path, order, lambda: answered.append("sent"))
    made.open()
    yield made
    made.close()


@pytest.fixture
def peer(served: ControlSocket) -> Iterator[Peer]:
    made = Peer(served.path)
    yield made
    made.lines.close()


def test_one_answer_per_line_in_order(peer: Peer) -> None:
    peer.lines.write(b'{"order":"one"}\n{"order":"two"}\n')
    assert peer.ask(b'{"order":"three"}\n')["order"] == "one"
    assert [control.decode(peer.lines.readline())["order"] for _ in range(2)] == ["two", "three"]


def test_a_line_may_come_in_pieces(peer: Peer) -> None:
    peer.lines.write(b'{"order":')
    peer.lines.flush()
    assert peer.ask(b'"whole"}\n')["order"] == "whole"


@pytest.mark.parametrize("line", [b"nonsense\n", b"[1]\n", b"\xff\n", b"{}\n", b"\n"])
def test_a_line_that_is_no_order_is_answered_and_the_next_is_heard(peer: Peer, line: bytes) -> None:
    answer = peer.ask(line)
    assert answer["ok"] is False
    assert answer["error"]
    assert peer.ask(b'{"order":"next"}\n')["ok"] is True


def test_what_an_order_raises_is_its_answer(peer: Peer) -> None:
    answer = peer.ask(b'{"order":"fail"}\n')
    assert answer == {"ok": False, "error": "ValueError: not like this"}


def test_a_line_without_end_is_not_kept(peer: Peer) -> None:
    with pytest.raises(ConnectionError):
        peer.ask(b"x" * 20 * control.MAX_LINE_BYTES)
    with suppress(ConnectionError):
        peer.lines.close()


def test_several_peers_are_served_at_once(path: str) -> None:
    both = threading.Barrier(2, timeout=10)

    def order(message: dict[str, Any]) -> dict[str, Any]:
        both.wait()
        return {"ok": True}

    served = ControlSocket(path, order, lambda: None)
    served.open()
    peers = [Peer(path), Peer(path)]
    for peer in peers:
        peer.lines.write(b'{"order":"x"}\n')
        peer.lines.flush()
    assert [control.decode(peer.lines.readline()) for peer in peers] == [{"ok": True}] * 2
    for peer in peers:
        peer.lines.close()
    served.close()


def test_the_socket_is_private_and_goes_with_its_process(served: ControlSocket) -> None:
    assert stat.S_IMODE(Path(served.path).stat().st_mode) == 0o600
    served.close()
    assert not Path(served.path).exists()
    assert list(Path(served.path).parent.iterdir()) == []


def test_no_thread_is_left_to_wait_on_a_descriptor_that_others_get(path: str) -> None:
    before = threading.active_count()
    for _ in range(20):
        served = ControlSocket(path, lambda message: {"ok": True}, lambda: None)
        served.open()
        peer = Peer(path)
        assert peer.ask(b"{}\n") == {"ok": True}
        served.close()
        peer.lines.close()
    assert threading.active_count() == before


def test_an_order_that_ends_the_process_is_answered(path: str) -> None:
    ending = threading.Event()

    def order(message: dict[str, Any]) -> dict[str, Any]:
        ending.set()
        assert closing.wait(10)
        return {"ok": True}

    closing = threading.Event()
    served = ControlSocket(path, order, lambda: None)
    served.open()
    peer = Peer(path)
    peer.lines.write(b"{}\n")
    peer.lines.flush()
    assert ending.wait(10)
    closer = threading.Thread(target=served.close)
    closer.start()
    closing.set()
    assert control.decode(peer.lines.readline()) == {"ok": True}
    closer.join(10)
    assert not closer.is_alive()
    peer.lines.close()


def test_a_forked_child_does_not_remove_it(served: ControlSocket, peer: Peer) -> None:
    pid = os.fork()
    if pid == 0:
        served.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert peer.ask(b'{"order":"still"}\n')["ok"] is True
    assert Path(served.path).exists()


def test_a_stale_socket_is_replaced(path: str, answered: list[str]) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    served = ControlSocket(path, lambda message: {"ok": True}, lambda: answered.append("sent"))
    served.open()
    peer = Peer(path)
    assert peer.ask(b"{}\n") == {"ok": True}
    peer.lines.close()
    served.close()
    assert answered == ["sent"]


def test_a_path_that_is_too_long_is_named_as_such(path: str) -> None:
    with pytest.raises(OSError, match="longer than 106 bytes"):
        ControlSocket(f"{path}{'x' * 200}", lambda message: {}, lambda: None).open()
