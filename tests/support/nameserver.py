"""A name server on a loopback port, whose zones a test changes while it runs: NSD, or a plain one
where that is not there; and a liar that answers whatever a test wants."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.message
from tests.support.ports import free_port

NSD = shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin:/usr/local/sbin")
PLAIN = Path(__file__).with_name("plain_nameserver.py")
_CONF = """
server:
    ip-address: ADDRESS@PORT
    username: ""
    zonesdir: "ROOT"
    pidfile: ""
    database: ""
    xfrdfile: "ROOT/xfrd"
    zonelistfile: "ROOT/zone.list"
    xfrdir: "ROOT"
    server-count: 1
    reuseport: no
remote-control:
    control-enable: no
"""

_ASK = """
import sys, dns.exception, dns.message, dns.query
name, address, port = sys.argv[1:]
try:
    question = dns.message.make_query(name, "SOA")
    answer = dns.query.udp(question, address, timeout=0.5, port=int(port)).answer
    print(answer[0].to_text() if answer else "")
except (dns.exception.DNSException, OSError):
    print("")
"""


@dataclass
class NameServer:
    """It answers for the zones that a test writes, and REFUSED to everything else."""

    root: Path
    address: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    inside: Callable[[Sequence[str]], list[str]] = list
    process: subprocess.Popen[bytes] | None = None
    _zones: dict[str, str] = field(default_factory=dict)
    _serial: int = 0

    @property
    def server(self) -> str:
        """As ``--server`` takes it."""
        return f"{self.address}:{self.port}"

    def zone(self, name: str, text: str, ttl: int = 60) -> None:
        """Have a zone with these records; one that runs takes them at once."""
        self._serial += 1
        head = f"$ORIGIN {name}.\n$TTL {ttl}\n"
        soa = f"@ IN SOA ns.{name}. anna.{name}. {self._serial} 3600 600 86400 900\n@ IN NS ns\n"
        new = self.root / f"{name}.new"
        new.write_text(f"{head}{soa}ns IN A 127.0.0.1\n{text}\n")
        new.rename(self.root / name)
        self._zones[name] = text
        if self.process is not None:
            if NSD:
                self.process.send_signal(signal.SIGHUP)
            self._wait_for(name)

    def start(self) -> None:
        """Run; every zone that was written is served."""
        text = _CONF.replace("ADDRESS", self.address).replace("PORT", str(self.port))
        text = text.replace("ROOT", str(self.root))
        for name in self._zones:
            text += f'zone:\n    name: "{name}"\n    zonefile: "{name}"\n'
        (self.root / "nsd.conf").write_text(text)
        plain = [sys.executable, "-P", str(PLAIN), self.address, str(self.port), str(self.root)]
        argv = [NSD, "-d", "-c", str(self.root / "nsd.conf")] if NSD else [*plain, *self._zones]
        argv = self.inside(argv)
        with (self.root / "log").open("wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._wait_for(list(self._zones)[-1])
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Nothing of it runs."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            self.process = None

    def _wait_for(self, name: str) -> None:
        """Return once the last serial is served."""
        deadline = time.monotonic() + 20
        while str(self._serial) not in self._answer(name):
            lives = self.process is not None and self.process.poll() is None
            if not lives or time.monotonic() > deadline:
                raise AssertionError((self.root / "log").read_text())
            time.sleep(0.02)

    def _answer(self, name: str) -> list[str]:
        """The SOA record of a zone, asked from where the server is."""
        argv = [sys.executable, "-c", _ASK, name, self.address, str(self.port)]
        done = subprocess.run(self.inside(argv), capture_output=True, text=True, timeout=30)
        return done.stdout.split()


@contextmanager
def running(root: Path, **zones: str) -> Iterator[NameServer]:
    """One with these zones, gone at the end; ``_`` in a name is a dot."""
    server = NameServer(root)
    for name, text in zones.items():
        server.zone(name.replace("_", "."), text)
    server.start()
    try:
        yield server
    finally:
        server.stop()


Answers = Callable[[dns.message.Message], Sequence[bytes]]


@contextmanager
def lying(answers: Answers) -> Iterator[str]:
    """A server on UDP, and the same port on TCP, that sends what it is told; gives its address."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # An address of its own: at 127.0.0.1 a port that UDP has may be a client's of TCP.
    udp.bind((f"127.{secrets.randbelow(99) + 100}.{secrets.randbelow(256)}.1", 0))
    udp.settimeout(0.05)
    tcp = socket.create_server(udp.getsockname())
    tcp.settimeout(0.05)
    over = threading.Event()

    def over_udp() -> None:
        while not over.is_set():
            try:
                data, client = udp.recvfrom(65535)
            except TimeoutError:
                continue
            for answer in answers(dns.message.from_wire(data)):
                udp.sendto(answer, client)

    def over_tcp() -> None:
        while not over.is_set():
            try:
                connection, _ = tcp.accept()
            except TimeoutError:
                continue
            with connection:  # the length of an answer, and then not that much of it
                connection.recv(65535)
                connection.sendall(b"\xff\xffshort")

    threads = [threading.Thread(target=work) for work in (over_udp, over_tcp)]
    for thread in threads:
        thread.start()
    try:
        address, port = udp.getsockname()
        yield f"{address}:{port}"
    finally:
        over.set()
        for thread in threads:
            thread.join(10)
        udp.close()
        tcp.close()
