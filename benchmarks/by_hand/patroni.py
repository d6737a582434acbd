"""Patroni by hand: two members and three of etcd, configured as Patroni's documentation shows it.

Times are Patroni's own defaults (a lease of 30 s, a round of 10 s), commits wait for nobody, and
what ends stays ended until somebody starts it: that is what "untuned" means here.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import psycopg
from tests.support.care import LEADS
from tests.support.ports import free_port

from benchmarks.account import give
from benchmarks.processes import Daemon, tree, wait_for
from tenfold.engines.etcd import find as find_etcd
from tenfold.engines.postgresql import binaries
from tenfold.engines.postgresql.sizing import size_text, sizing

ADDRESS = "127.0.0.1"
SUPERUSER = "postgres"
SCOPE = "byhand"
START_SECONDS = 120.0
REJOIN_SECONDS = 240.0
SWITCH_SECONDS = 60.0


class Node:
    """One host: a member of etcd, and of the database unless it is the third."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder / name, name
        self.client, self.peer, self.api, self.port = (free_port() for _ in range(4))
        self.etcd: Daemon | None = None
        self.patroni: Daemon | None = None

    def postmaster(self) -> int | None:
        """The server's main process, if it runs."""
        with suppress(OSError, ValueError, psutil.Error):
            pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
            return pid if psutil.Process(pid).name() == "postgres" else None
        return None

    def everything(self) -> list[int]:
        """All processes of this host."""
        running = [d.pid for d in (self.etcd, self.patroni) if d and d.process.poll() is None]
        server = self.postmaster()
        found = [*running, *([server] if server else [])]
        return [member for pid in found if psutil.pid_exists(pid) for member in tree(pid)]


class PatroniCluster:
    """In ``folder``, which must not exist yet."""

    def __init__(self, folder: Path, database: str) -> None:
        folder.mkdir()
        give(folder)
        self.database = database
        self._password = secrets.token_hex(16)
        self._programs = {**binaries.find().programs(), **find_etcd().programs()}
        self.nodes = {name: Node(folder, name) for name in ("p1", "p2", "p3")}
        self.databases = (self.nodes["p1"], self.nodes["p2"])

    def up(self) -> None:
        """Start everything; one leads and the other follows it."""
        for node in self.nodes.values():
            node.folder.mkdir()
            give(node.folder)
            self._start_etcd(node)
        for node in self.databases:
            (node.folder / "patroni.yml").write_text(json.dumps(self._configuration(node)))
            give(node.folder / "patroni.yml")
        first, second = self.databases
        self._start_patroni(first)
        wait_for(lambda: self.leader() is not None, "a leader", within_seconds=START_SECONDS)
        self._create()
        self._start_patroni(second)
        self.wait_until_well()

    def url(self) -> str:
        """For the app, and for whoever compares: whoever leads."""
        both = ",".join(f"{ADDRESS}:{node.port}" for node in self.databases)
        who = f"{self.database}:{self._password}"
        options = "target_session_attrs=read-write&connect_timeout=2"
        return f"postgresql://{who}@{both}/{self.database}?{options}"

    def leader(self) -> tuple[str, int] | None:
        """Whose server accepts writes, and on which timeline."""
        for node in self.databases:
            with suppress(psycopg.Error), self.connect(node) as session:
                (timeline,) = session.execute(LEADS).fetchone() or (0,)
                if timeline:
                    return node.name, int(timeline)
        return None

    def mend(self) -> None:
        """Start what does not run any more; all is well at the end."""
        for node in self.nodes.values():
            if node.etcd is None or node.etcd.process.poll() is not None:
                self._start_etcd(node)
        for node in self.databases:
            if node.patroni is None or node.patroni.process.poll() is not None:
                self._start_patroni(node)
        self.wait_until_well()

    def wait_until_well(self) -> None:
        """One leads, and the other one streams from it."""
        wait_for(self._is_well, "the other one to follow", within_seconds=REJOIN_SECONDS)

    def switch_over(self, leader: str) -> None:
        """In order, as ``patronictl`` asks for it; returns when it is done.

        Raises:
            RuntimeError: Patroni refuses; says why.
        """
        (other,) = (node for node in self.databases if node.name != leader)
        order = json.dumps({"leader": leader, "candidate": other.name}).encode()
        url = f"http://{ADDRESS}:{self.nodes[leader].api}/switchover"
        try:
            urlopen(Request(url, order, method="POST"), timeout=SWITCH_SECONDS).close()
        except HTTPError as refused:
            with refused:
                said = refused.read().decode(errors="replace")
            raise RuntimeError(f"the switchover: {said}") from refused

    def close(self) -> None:
        """Stop it for good."""
        for node in self.databases:
            if node.patroni is not None:
                node.patroni.end(within_seconds=30.0)
        for node in self.nodes.values():
            if node.etcd is not None:
                node.etcd.end()
            for pid in node.everything():
                with suppress(psutil.Error):
                    psutil.Process(pid).kill()

    def _is_well(self) -> bool:
        found = self.leader()
        if found is None:
            return False
        asked = "select count(*) from pg_stat_replication where state = 'streaming'"
        with suppress(psycopg.Error), self.connect(self.nodes[found[0]]) as session:
            return session.execute(asked).fetchone() == (1,)
        return False

    def _create(self) -> None:
        leads = self.leader()
        assert leads is not None
        with self.connect(self.nodes[leads[0]]) as session:
            session.execute(f"create role {self.database} login password '{self._password}'")
            session.execute(f"create database {self.database} owner {self.database}")

    def connect(self, node: Node) -> psycopg.Connection[Any]:
        """A session of the superuser's. Raises ``psycopg.Error``."""
        return psycopg.connect(
            host=ADDRESS,
            port=node.port,
            user=SUPERUSER,
            password=self._password,
            dbname="postgres",
            connect_timeout=2,
            autocommit=True,
        )

    def _start_etcd(self, node: Node) -> None:
        client, peer = (f"http://{ADDRESS}:{port}" for port in (node.client, node.peer))
        whole = ",".join(f"{n.name}=http://{ADDRESS}:{n.peer}" for n in self.nodes.values())
        node.etcd = Daemon(
            (
                *(self._programs["etcd"], "--name", node.name),
                *("--data-dir", str(node.folder / "etcd")),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", whole, "--initial-cluster-state", "new"),
            ),
            log=node.folder / "etcd.log",
        )

    def _start_patroni(self, node: Node) -> None:
        node.patroni = Daemon(
            (sys.executable, "-m", "patroni", str(node.folder / "patroni.yml")),
            log=node.folder / "patroni.log",
            env={"HOME": str(node.folder), "LC_ALL": "C.UTF-8"},
        )

    def _configuration(self, node: Node) -> dict[str, Any]:
        who = {"username": SUPERUSER, "password": self._password}
        return {
            "scope": SCOPE,
            "name": node.name,
            "restapi": dict.fromkeys(("listen", "connect_address"), f"{ADDRESS}:{node.api}"),
            "etcd3": {"hosts": [f"{ADDRESS}:{n.client}" for n in self.nodes.values()]},
            "bootstrap": {
                # As in the example that Patroni comes with (postgres0.yml).
                "dcs": {
                    "ttl": 30,
                    "loop_wait": 10,
                    "retry_timeout": 10,
                    "maximum_lag_on_failover": 1048576,
                    "postgresql": {"use_pg_rewind": True},
                },
                "initdb": ["data-checksums", *(dict([o]) for o in INITDB)],
            },
            "postgresql": {
                **dict.fromkeys(("listen", "connect_address"), f"{ADDRESS}:{node.port}"),
                "data_dir": str(node.folder / "data"),
                "bin_dir": str(Path(self._programs["postgres"]).parent),
                "pgpass": str(node.folder / "pgpass"),
                "authentication": {"superuser": who, "replication": who, "rewind": who},
                "parameters": {"unix_socket_directories": str(node.folder), **_sizes()},
                "pg_hba": [
                    f"host {what} all {ADDRESS}/32 scram-sha-256" for what in ("all", "replication")
                ],
            },
        }


INITDB = (("encoding", "UTF8"), ("locale-provider", "builtin"), ("builtin-locale", "C.UTF-8"))


def _sizes() -> dict[str, str]:
    """What Tenfold's servers have as well."""
    sizes = sizing(psutil.virtual_memory().total, len(os.sched_getaffinity(0)))
    return {
        "shared_buffers": size_text(sizes.shared_buffers_bytes),
        "effective_cache_size": size_text(sizes.effective_cache_size_bytes),
        "work_mem": size_text(sizes.work_mem_bytes),
        "max_wal_size": size_text(sizes.max_wal_size_bytes),
        "jit": "off",
    }
