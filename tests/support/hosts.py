"""Real hosts of the local target for tests: units, clients, and nothing left behind."""

from __future__ import annotations

import http.client
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tenfold.agent import identity
from tenfold.agent.context import base_environment, host_key
from tenfold.secret import Secret
from tenfold.targets.local import LocalAgent, LocalTarget
from tenfold.topology.model import Host
from tenfold.topology.process import Launch, Listen, Probe, Stop, UnitOrder
from tenfold.wiring import control

WORKER = Path(__file__).with_name("worker.py")
SOURCE = Path(identity.__file__).parents[2]
POOL = "app"


def until(condition: Callable[[], Any], subject: str, within: float = 60.0) -> Any:
    """Wait for a condition with a deadline and a subject."""
    deadline = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {within} s for {subject}"
        time.sleep(0.02)


class Hosts:
    """A local target in a directory of its own, and orders for units that run anywhere."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, state: Path | None = None
    ) -> None:
        self.given = state is not None
        self.state = (state or Path(tempfile.mkdtemp(prefix="tfh-", dir="/tmp"))).resolve()
        self.state.chmod(0o755)
        self.environment = {**base_environment(), **(environment or {})}
        self.target = LocalTarget(self.state, "test", environment=self.environment)

    def up(self, name: str = "vm1") -> LocalAgent:
        """The agent of a host."""
        return self.target.ensure(Host(name))

    def root(self, name: str = "vm1") -> Path:
        return self.state / "hosts" / name

    def agent_pid(self, name: str = "vm1") -> int:
        """The agent proper, as it says itself."""
        agent = self.target.reach(name)
        assert agent is not None
        return int(agent.hello()["pid"])

    def keeper_pid(self, name: str = "vm1") -> int:
        """The keeper: the other process that holds this host's lock."""
        return self._daemon("keeper.py", name)

    def has_keeper(self, name: str = "vm1") -> bool:
        return any("keeper.py" in " ".join(p.cmdline()[:6]) for p in self.daemons(name))

    def kill(self, pid: int) -> None:
        """kill -9, and wait until it is dead."""
        process = psutil.Process(pid)
        os.kill(pid, signal.SIGKILL)
        until(lambda: gone(process), f"{pid} to be dead")

    def kill_host(self, name: str = "vm1") -> None:
        """kill -9 of keeper and agent, in one go: neither gets to replace the other."""
        pids = [self.keeper_pid(name), self.agent_pid(name)]
        processes = [psutil.Process(pid) for pid in pids]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda: all(gone(p) for p in processes), "keeper and agent to be dead")

    def processes(self, name: str = "vm1") -> list[psutil.Process]:
        """Everything that carries this host's marker."""
        wanted = f"/{host_key(self.root(name))}-"
        found = []
        for process in psutil.process_iter():
            try:
                if wanted in process.environ().get(identity.MARKER, ""):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def close(self) -> None:
        """Shut down, and insist that nothing is left."""
        names = self.target.hosts()
        try:
            for name in names:
                self.target.ensure(Host(name)).shutdown()
            left = [p for name in names for p in (*self.processes(name), *self.daemons(name))]
            assert not left, f"left behind: {left}"
        finally:
            for name in names:
                for process in (*self.daemons(name), *self.processes(name)):
                    process.kill()
            if not self.given:
                shutil.rmtree(self.state)

    def _daemon(self, script: str, name: str) -> int:
        return next(p.pid for p in self.daemons(name) if script in " ".join(p.cmdline()[:6]))

    def daemons(self, name: str) -> list[psutil.Process]:
        """Keeper and agent."""
        root = str(self.root(name))
        found = []
        for process in psutil.process_iter():
            try:
                if root in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def gone(process: psutil.Process) -> bool:
    """Whether it is dead; somebody may still have to collect it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def script(name: str, text: str, **launch: Any) -> UnitOrder:
    """A singleton that runs a Python text; it is ready as soon as it has been started."""
    settings = {"ready": Probe("exec", argv=("true",)), "cwd": "/", **launch}
    return UnitOrder(name, "test", Launch(argv=(sys.executable, "-Ic", text), **settings))


def sleeper(name: str = "sleeper", **launch: Any) -> UnitOrder:
    """A singleton that runs until it is told to end."""
    return script(name, "import signal; signal.pause()", **launch)


def member(
    agent: LocalAgent,
    index: int = 0,
    *,
    generation: int = 1,
    drain_seconds: float = 10.0,
    ready_seconds: float = 20.0,
    env: Mapping[str, str | Secret] | None = None,
) -> UnitOrder:
    """A pool member that serves on the socket ``app``."""
    name = f"{POOL}.{generation}.{index}"
    control = f"{agent.paths.run}/{name}.sock"
    launch = Launch(
        argv=(sys.executable, str(WORKER), "{fd:app}", control),
        cwd="/",
        ready=Probe("control", path="/healthz", within_seconds=ready_seconds),
        env={"PYTHONPATH": str(SOURCE), "RELEASE": f"r{generation}", **(env or {})},
        sockets=("app",),
        stop=Stop(within_seconds=drain_seconds),
        control=control,
    )
    return UnitOrder(
        name, "test", launch, pool=POOL, generation=generation, release=f"r{generation}"
    )


def serving(agent: LocalAgent, count: int = 1, **settings: Any) -> str:
    """A pool of the first generation that accepts; gives where."""
    endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
    for index in range(count):
        agent.start(member(agent, index, **settings))
    agent.handover(POOL, 1)
    return endpoint


def worker_status(agent: LocalAgent, name: str) -> dict[str, Any]:
    """What a member says of itself at its control socket."""
    with socket.socket(socket.AF_UNIX) as worker:
        worker.connect(f"{agent.paths.run}/{name}.sock")
        worker.sendall(control.encode({"order": control.STATUS}))
        with worker.makefile("rb") as answers:
            return control.decode(answers.readline())


class Request:
    """A GET that is on its way: connected and sent, for whoever accepts it."""

    def __init__(self, endpoint: str, path: str = "/") -> None:
        self._connection = http.client.HTTPConnection(endpoint, timeout=30.0)
        self._connection.request("GET", path)

    def waits(self, seconds: float = 0.2) -> bool:
        """Whether nothing is answered for so long."""
        assert self._connection.sock is not None
        return not select.select([self._connection.sock], [], [], seconds)[0]

    def answer(self) -> str:
        """The body, as soon as it comes."""
        try:
            return self._connection.getresponse().read().decode()
        finally:
            self.close()

    def close(self) -> None:
        """Give it up."""
        self._connection.close()


def get(endpoint: str, path: str = "/", timeout: float = 30.0) -> str:
    """The body of a GET on a connection of its own."""
    connection = http.client.HTTPConnection(endpoint, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


class Knocker:
    """Connects all the time, and counts who was refused and what was answered."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.answers: list[str] = []
        self.faults: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._knock)

    def _knock(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers.append(get(self.endpoint))
            except OSError as fault:
                self.faults.append(f"{type(fault).__name__}: {fault}")
            self._stop.wait(0.005)

    def __enter__(self) -> Knocker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def refuses(endpoint: str) -> bool:
    """Whether nobody listens there."""
    address, _, port = endpoint.rpartition(":")
    with socket.socket() as trial:
        trial.settimeout(10)
        return trial.connect_ex((address, int(port))) != 0


@contextmanager
def hosts(
    environment: Mapping[str, str] | None = None, state: Path | None = None
) -> Iterator[Hosts]:
    """A target whose processes and files are gone afterwards, or the test fails."""
    made = Hosts(environment, state)
    try:
        yield made
    finally:
        made.close()
