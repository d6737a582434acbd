from __future__ import annotations

import os
import socket

from tenfold.runtime import diag


def test_a_listener_and_its_connection_are_told_with_their_inodes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (found,) = diag.sockets((diag.LISTEN,), port=port)
        assert found == diag.TcpSocket("127.0.0.1", port, 0, os.fstat(listener.fileno()).st_ino)
        assert diag.sockets((diag.ESTABLISHED,), port=port) == []
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            with accepted:
                (open_,) = diag.sockets((diag.ESTABLISHED,), port=port)
                assert open_.peer_port == client.getsockname()[1]
                assert open_.inode == os.fstat(accepted.fileno()).st_ino
                assert open_.inode in diag.inodes(os.getpid())
        assert diag.sockets((diag.ESTABLISHED,), port=port) == []


def test_ipv6_too() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        (found,) = diag.sockets((diag.LISTEN,), port=listener.getsockname()[1])
        assert found.address == "::1"


def test_a_process_that_is_gone_has_none() -> None:
    assert diag.inodes(2**22 + 1) == set()
