"""Real Patroni members and a real etcd, from the engines' own files and launches, without an agent.

::

    with cluster("db1", "db2") as found:                # and etcd on both and on an arbiter
        found.begin()                                   # one leads, the others follow in sync
        found.leader().kill("patroni")
        found.wait_for_leader(other_than="db1")

As root, everything runs as an unprivileged user. Nothing is left: no process, no directory.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from tests.support.ports import free_port
from tests.support.postgres import NOBODY, unprivileged, wait_for

from tenfold.engines.etcd import Etcd
from tenfold.engines.etcd import find as find_etcd
from tenfold.engines.etcd.authority import new_authority, new_host
from tenfold.engines.etcd.names import AUTHORITY, AUTHORITY_KEY, host_secret
from tenfold.engines.patroni import Patroni
from tenfold.engines.patroni.binaries import programs
from tenfold.engines.patroni.render import prefix
from tenfold.engines.postgresql.binaries import find
from tenfold.engines.postgresql.render import PostgreSQL
from tenfold.engines.protocol import Engine, Place, Scene
from tenfold.leash import etcd as leash_etcd
from tenfold.leash.config import read
from tenfold.leash.processes import DataDirectory
from tenfold.secret import Secret
from tenfold.targets.local import descent
from tenfold.targets.local.account import Account, needs
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.process import Launch
from tenfold.topology.settings import DatabaseSettings, EtcdSettings, PatroniSettings
from tenfold.wiring.document import Document

ADDRESS = "127.0.0.1"
ROLES = ("superuser", "owner", "app", "replication", "rewind")
ENGINES: dict[str, Engine] = {"postgresql": PostgreSQL(), "patroni": Patroni(), "etcd": Etcd()}
FAST = PatroniSettings("shop")
ARBITER = "arbiter"
ACCOUNT = Account("nobody", NOBODY, NOBODY, "")
"""Whom root becomes, in a view in which Python can be reached; see :mod:`tenfold.agent.view`."""


@dataclass
class Process:
    """A unit on a host, and its process while it runs."""

    unit: Unit
    scene: Scene
    root: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        path = self.root / f"{self.unit.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def launch(self) -> Launch:
        return ENGINES[self.unit.engine].launch(self.unit, self.scene)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def write(self) -> None:
        """Put the rendered files where they belong."""
        for file in ENGINES[self.unit.engine].render(self.unit, self.scene):
            path = Path(file.path)
            path.write_text(file.text.reveal() if isinstance(file.text, Secret) else file.text)
            path.chmod(file.mode)
            own(path)

    def start(self) -> None:
        """Files, commands, process."""
        self.write()
        launch = self.launch
        for command in launch.prepare:
            if command.creates is None or not Path(command.creates).exists():
                done = self._popen(command.argv, {**launch.env, **command.env})
                assert done.wait(command.within_seconds) == 0, self.log
        self.process = self._popen(launch.argv, launch.env)

    def ready(self) -> bool:
        """Whether its probe says so; only for those that are asked by a command."""
        return subprocess.run(
            self.launch.ready.argv, check=False, capture_output=True, **unprivileged()
        ).returncode == 0  # fmt: skip

    def stop(self) -> None:
        """End it in order, as its launch says."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.Signals[self.launch.stop.signal])
        self.process.wait(self.launch.stop.within_seconds)

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _popen(self, argv: Sequence[str], env: Any) -> subprocess.Popen[bytes]:
        plain = {k: v.reveal() if isinstance(v, Secret) else v for k, v in env.items()}
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", **plain}
        with (self.root / f"{self.unit.name}.log").open("ab") as log:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            if os.geteuid() != 0:
                return subprocess.Popen(argv, cwd="/", env=env, start_new_session=True, **pipes)
            needed = needs(ACCOUNT, self.root, [])
            return descent.beside(ACCOUNT, needed, argv, env, pipes)


@dataclass
class Member(Process):
    """A member of the database's cluster: the leash, Patroni, PostgreSQL."""

    paused: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.unit.host

    @property
    def data(self) -> DataDirectory:
        return DataDirectory(str(Path(self.scene.place.data) / "cluster"))

    @property
    def config(self) -> Path:
        return Path(self.scene.place.config)

    def postmaster(self) -> int | None:
        found = self.data.postmaster()
        if found is None:
            return None
        found.close()
        return found.pid

    def working(self) -> list[int]:
        """Everything that works in its data directory."""
        found = list(self.data.processes())
        for one in found:
            one.close()
        return [one.pid for one in found]

    def pids(self, what: str) -> list[int]:
        """Of ``leash``, ``patroni``, ``guard`` or ``postgres``."""
        told = str(self.config)
        match what:
            case "leash":
                return [self.pid]
            case "postgres":
                found = self.postmaster()
                return [] if found is None else [found]
            case "patroni":
                return _running("patroni", f"{told}/patroni.yml")
            case "guard":
                return _running("tenfold.leash", "guard", f"{told}/leash.json")
        raise ValueError(what)

    def kill(self, *what: str, how: signal.Signals = signal.SIGKILL) -> float:
        """Send all of these a signal at once; gives when."""
        pids = [pid for one in what for pid in self.pids(one)]
        assert len(pids) >= len(what), f"{what}: {pids}"
        at = time.monotonic()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # the leash may be quicker
                os.kill(pid, how)
        if how == signal.SIGSTOP:
            self.paused += pids
        return at

    def ask(self, path: str = "/patroni") -> tuple[int, Any]:
        """Ask its Patroni; status 0 if it does not answer."""
        config = read(str(self.config / "leash.json"))
        try:
            return leash_etcd.request(f"https://{config.api}", path, config.tls, 3.0)
        except OSError:
            return 0, None

    def connect(self, role: str = "app", **options: Any) -> psycopg.Connection[Any]:
        """A session by TCP; as superuser by the socket."""
        settings = self.unit.settings
        assert isinstance(settings, DatabaseSettings)
        host, _, port = self.scene.wiring.endpoints[self.unit.path].rpartition(":")
        user = settings.superuser if role == "superuser" else settings.app_role
        return psycopg.connect(
            host=self.scene.place.run if role == "superuser" else host,
            port=int(port),
            user=user,
            password=self.scene.secrets[f"{settings.cluster}.{role}"].reveal(),
            dbname="postgres" if role == "superuser" else settings.database,
            connect_timeout=2,
            autocommit=True,
            **options,
        )


def _running(*words: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if all(word in argv for word in words):
                    found.append(int(entry.name))
    return found


@dataclass
class Cluster:
    """All of it. ``root`` has a directory per host."""

    root: Path
    members: list[Member]
    etcd: list[Process]

    def begin(self) -> None:
        """Start everything; returns when one leads and the others follow it, in sync."""
        self.start_etcd()
        self.members[0].start()
        self.wait_for_leader()
        self.make_database()
        for member in self.members[1:]:
            member.start()
        self.wait_in_sync()

    def start_etcd(self) -> None:
        for one in self.etcd:
            one.start()
        wait_for(self._etcd_answers, within=30, subject="etcd to have a leader")

    def renew(self, one: Process, joins: str) -> None:
        """A member of etcd without its data, which joins the cluster that runs."""
        shutil.rmtree(Path(one.scene.place.data) / "member")
        path = Path(one.scene.place.data) / "joins"
        path.write_text(joins)
        own(path)
        one.start()

    def _etcd_answers(self) -> bool:
        assert all(one.runs() for one in self.etcd), [one.log for one in self.etcd]
        with contextlib.suppress(leash_etcd.Unreachable):
            return self.store().leader("none") is None
        return False

    def store(self, within: float = 1.0) -> leash_etcd.Etcd:
        member = self.members[0]
        member.write() if not (member.config / "leash.json").exists() else None
        config = read(str(member.config / "leash.json"))
        return replace(leash_etcd.of(config), within_seconds=within)

    def key(self) -> str:
        return f"{prefix(self.members[0].unit, self.members[0].scene)}leader"

    def member(self, name: str) -> Member:
        return next(m for m in self.members if m.name == name)

    def holder(self) -> str | None:
        """Who has the leader's key."""
        found = self.store().leader(self.key())
        return None if found is None else found.member

    def leader(self) -> Member:
        holder = self.holder()
        assert holder is not None, "nobody leads"
        return self.member(holder)

    def writable(self) -> list[str]:
        """Whose PostgreSQL is a leader's and runs: more than one would be a split brain."""
        return [m.name for m in self.members if m.postmaster() and m.data.accepts_writes()]

    def wait_for_leader(self, *, other_than: str | None = None, within: float = 60) -> Member:
        def leads() -> bool:
            assert any(m.runs() for m in self.members), self.logs()
            holder = self.holder()
            if holder is None or holder == other_than:
                return False
            return self.member(holder).ask("/primary")[0] == 200

        self._wait(leads, within, f"a leader, not {other_than}")
        return self.leader()

    def wait_in_sync(self, within: float = 60) -> None:
        """Until all others stream, and the leader waits for a quorum of them."""

        in_sync = "/quorum" if len(self.members) > 2 else "/synchronous"

        def well() -> bool:
            leading = self.holder()
            return leading is not None and all(
                m.ask("/primary" if m.name == leading else in_sync)[0] == 200 for m in self.members
            )

        self._wait(well, within, "all to follow in sync")

    def _wait(self, condition: Callable[[], bool], within: float, subject: str) -> None:
        try:
            wait_for(condition, within=within, subject=subject)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.logs()}") from None

    def make_database(self) -> None:
        """Roles, the database and a table for the ledger."""
        with self.leader().connect("superuser") as session:
            make_database(session, self.members[0])

    def logs(self) -> str:
        return "\n".join(f"== {m.name}\n{m.log[-3000:]}" for m in self.members)

    def end(self) -> None:
        """Whatever state it is in."""
        for member in self.members:
            for pid in member.paused:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            for what in ("guard", "patroni"):
                for pid in member.pids(what):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            if member.runs():
                os.killpg(member.pid, signal.SIGKILL)
                member.process.wait(10)  # type: ignore[union-attr]
            member.data.end(10)
        for one in self.etcd:
            if one.runs():
                os.kill(one.pid, signal.SIGCONT)
                one.process.kill()  # type: ignore[union-attr]
                one.process.wait(10)  # type: ignore[union-attr]


def make_database(session: psycopg.Connection[Any], member: Member | Process) -> None:
    secrets = member.scene.secrets
    session.execute("SET synchronous_commit = local")
    for role in ("owner", "app"):
        password = secrets[f"main.{role}"].reveal()
        session.execute(f"CREATE ROLE tenfold_{role} LOGIN PASSWORD '{password}'")
    session.execute("CREATE DATABASE shop OWNER tenfold_app")


def own(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def secrets_for(hosts: Sequence[str]) -> dict[str, Secret]:
    now = datetime.datetime.now(datetime.UTC)
    found = new_authority("shop", now)
    for host in hosts:
        found[host_secret(host)] = new_host(
            found[AUTHORITY], found[AUTHORITY_KEY], host, ADDRESS, now
        )
    return found | {f"main.{role}": Secret.generate() for role in ROLES}


def topology_of(names: Sequence[str], settings: PatroniSettings) -> Topology:
    """Database and etcd on each, and etcd alone on the arbiter where there are two."""
    hosts = (*names, ARBITER) if len(names) == 2 else tuple(names)
    zones = "abc"
    databases = [
        Unit("postgres", "patroni", name, replace(settings, node=number + 2))
        for number, name in enumerate(names)
    ]
    stores = [Unit("etcd", "etcd", name, EtcdSettings()) for name in hosts]
    return Topology(
        "shop",
        "1k",
        tuple(Host(name, zone, cores=2) for name, zone in zip(hosts, zones, strict=False)),
        (*databases, *stores),
    )


def made(root: Path, names: Sequence[str], settings: PatroniSettings = FAST) -> Cluster:
    """A cluster in this directory, nothing of it started."""
    topology = topology_of(names, settings)
    endpoints: dict[str, str] = {}
    for unit in topology.units:
        more = ".peer" if unit.engine == "etcd" else ".api"
        endpoints[unit.path] = f"{ADDRESS}:{free_port()}"
        endpoints[unit.path + more] = f"{ADDRESS}:{free_port()}"
    wiring = Document("shop", "1k", endpoints=endpoints)
    secrets = secrets_for([h.name for h in topology.hosts])
    binaries = {**find().programs(), **find_etcd().programs(), **programs()}
    binaries["python"] = sys.executable
    members: list[Member] = []
    stores: list[Process] = []
    for unit in topology.units:
        base = root / unit.host
        places = {h.name: _place(root / h.name, unit.name, binaries) for h in topology.hosts}
        place = places.pop(unit.host)
        for folder in (base, *(base / n for n in ("config", "data", "run", "logs"))):
            folder.mkdir(exist_ok=True)
            own(folder)
        for path in (place.config, place.data):
            Path(path).mkdir(mode=0o700)
            own(Path(path))
        scene = Scene(topology.host(unit.host), topology, wiring, place, secrets)
        scene = replace(scene, neighbours=places)
        if unit.engine == "etcd":
            stores.append(Process(unit, scene, base))
        else:
            members.append(Member(unit, scene, base))
    return Cluster(root, members, stores)


def _place(base: Path, unit: str, binaries: Mapping[str, str]) -> Place:
    return Place(
        config=f"{base}/config/{unit}",
        data=f"{base}/data/{unit}",
        run=f"{base}/run",
        logs=f"{base}/logs",
        assets=f"{base}/assets",
        address=ADDRESS,
        binaries=binaries,
    )


@contextmanager
def cluster(*names: str, settings: PatroniSettings = FAST) -> Iterator[Cluster]:
    """A cluster in a directory of its own; gone at the end, whatever its state."""
    root = Path(tempfile.mkdtemp(prefix="tfha-", dir="/tmp"))
    root.chmod(0o711)
    found = made(root, names, settings)
    try:
        yield found
    finally:
        found.end()
        shutil.rmtree(root, ignore_errors=True)


@dataclass
class Writer:
    """Writes one row after another to whoever leads, as an app would whose address follows.

    ``acknowledged`` are the ids that somebody was told are kept, with the moment; ``failed`` those
    of which nobody knows.
    """

    cluster: Cluster
    pause_seconds: float = 0.002
    acknowledged: dict[int, float] = field(default_factory=dict)
    failed: list[tuple[int, str]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Writer:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        wait_for(lambda: len(self.acknowledged) > 5, within=20, subject="the first writes")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join(60)

    def _run(self) -> None:
        number = time.monotonic_ns()  # of no other writer's before
        while not self._over.is_set():
            with contextlib.suppress(psycopg.Error), self._connect() as session:
                session.execute("CREATE TABLE IF NOT EXISTS ledger (id bigint PRIMARY KEY)")
                while not self._over.is_set():
                    number += 1
                    try:
                        session.execute("INSERT INTO ledger VALUES (%s)", [number])
                    except psycopg.Error as error:
                        self.failed.append((number, str(error)))
                        raise
                    self.acknowledged[number] = time.monotonic()
                    time.sleep(self.pause_seconds)
            time.sleep(0.01)

    def _connect(self) -> psycopg.Connection[Any]:
        members = self.cluster.members
        ends = [m.scene.wiring.endpoints[m.unit.path].rpartition(":") for m in members]
        return psycopg.connect(
            host=",".join(host for host, _, _ in ends),
            port=",".join(port for _, _, port in ends),
            user="tenfold_app",
            password=members[0].scene.secrets["main.app"].reveal(),
            dbname="shop",
            connect_timeout=2,
            target_session_attrs="read-write",
            autocommit=True,
        )

    def gap(self, at: float) -> float:
        """The longest time between two acknowledged writes from that moment on, in seconds."""
        moments = sorted(self.acknowledged.values())
        before = [m for m in moments if m <= at]
        after = [m for m in moments if m > at]
        near = [before[-1], *after] if before else after
        return max(b - a for a, b in itertools.pairwise(near))

    def wait_past(self, at: float, *, within: float = 60) -> None:
        """Until writes go on after that moment, for long enough to measure."""

        def goes_on() -> bool:
            later = sum(m > at for m in list(self.acknowledged.values()))
            return later > 60

        wait_for(goes_on, within=within, subject="writes to go on")

    def lost(self) -> set[int]:
        """What somebody was told is kept, and is not there."""
        with self.cluster.leader().connect() as session:
            kept = {row[0] for row in session.execute("SELECT id FROM ledger")}
        return set(self.acknowledged) - kept


def show(found: Cluster) -> str:
    """For failures: what etcd and the members say."""
    return json.dumps({m.name: m.ask()[1] for m in found.members}, indent=1)


__all__ = ["Cluster", "Member", "Process", "Writer", "cluster", "made", "show"]
