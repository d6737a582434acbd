"""All hosts of a deployment on this machine."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import functools
import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tenfold import interrupts
from tenfold.agent.context import base_environment
from tenfold.agent.leftovers import remains
from tenfold.agent.logs import last_lines
from tenfold.agent.pause import VARIABLE
from tenfold.errors import TargetError
from tenfold.secret import Secret
from tenfold.targets.local import descent, directory, starting
from tenfold.targets.local import follow as following
from tenfold.targets.local.account import Account, account_for, needs
from tenfold.targets.local.client import (
    SILENCE_SECONDS,
    LocalAgent,
    NotThere,
    has_left,
    wait_until_left,
)
from tenfold.targets.local.directory import HostDirectory
from tenfold.targets.local.entries import UnitLog, Wanted
from tenfold.targets.places import Places
from tenfold.targets.protocol import HostPaths
from tenfold.topology.model import Host
from tenfold.topology.process import Command

START_SECONDS = 30.0
SILENT_SECONDS = 15.0
"""How long an agent that said nothing is not asked again by the same command."""
_PAUSE_SECONDS = 0.02


class LocalTarget:
    """Implements :class:`tenfold.targets.protocol.Target` with one agent process per host.

    Args:
        state_dir: the deployment's ``.tenfold`` directory; hosts live in ``hosts/`` below it.
        deployment: what the deployment is called; names its processes to people.
        needs: further places that units have to reach where Tenfold is root and units are not:
            interpreters, virtual environments.
        environment: what agents and so units start from; by default this process's ``PATH``,
            ``HOME``, ``LANG``, ``LC_*``, ``TZ``, ``TMPDIR``, ``USER``.
        places: the directory of each host that does not live in one of its own name. A directory
            that is named here is not reached by its own name.

    Raises:
        ValueError: two hosts in one directory.
    """

    def __init__(
        self,
        state_dir: Path,
        deployment: str,
        *,
        needs: Iterable[Path] = (),
        environment: Mapping[str, str] | None = None,
        places: Mapping[str, str] | None = None,
    ) -> None:
        self._state_dir = state_dir.resolve()
        self._deployment = deployment
        self._needs = tuple(needs)
        self._environment = dict(_own_environment() if environment is None else environment)
        self._places = Places(places or {})
        self._epoch: int | None = None
        self._viewed: set[tuple[Path, int]] = set()
        self._silent: dict[str, tuple[float, TargetError]] = {}

    def anew(self) -> LocalTarget:
        """The same hosts, for somebody who asks again those that said nothing."""
        other = copy.copy(self)
        other._silent = {}
        return other

    def with_epoch(self, epoch: int) -> LocalTarget:
        """See :class:`tenfold.targets.protocol.Target`."""
        other = copy.copy(self)
        other._epoch = epoch
        return other

    def named(self, places: Mapping[str, str]) -> LocalTarget:
        """See :class:`tenfold.targets.protocol.Target`. Replaces the names that it had."""
        other = copy.copy(self)
        other._places = Places(places)
        return other

    @functools.cached_property
    def account(self) -> Account | None:
        """Whom agents and units run as, where that is not whoever runs Tenfold.

        Raises:
            TargetError: Tenfold is root, and there is no user to become.
        """
        return account_for(self._state_dir.parent)

    @property
    def _owner(self) -> tuple[int, int]:
        if self.account is None:
            return os.geteuid(), os.getegid()
        return self.account.uid, self.account.gid

    def locate(self, host: Host) -> HostPaths:
        """Where the host is, or would be, without starting or creating anything."""
        uid, _ = self._owner
        place = self._places.require(host.name)
        return directory.locate(self._state_dir, place, self._deployment, uid).paths

    def ensure(self, host: Host) -> LocalAgent:
        """The host's agent, started if need be; adopts what a predecessor left running.

        Raises:
            TargetError: it does not come up within 30 s, or speaks another protocol.
        """
        folder = self._places.require(host.name)
        made = directory.create(self._state_dir, folder, self._deployment, *self._owner)
        return self._ensure(replace(made, name=host.name))

    def _ensure(self, place: HostDirectory) -> LocalAgent:
        agent = LocalAgent(place, self._epoch)
        deadline = time.monotonic() + START_SECONDS
        while True:
            interrupts.check()
            self._start_if_nobody_lives(place)
            try:
                hello = agent.hello(max(0.1, deadline - time.monotonic()))
                if hello["root"] != str(place.root):
                    agent.shutdown()  # It was started before the project was moved here.
                elif not hello["leaving"]:
                    self._require_view(place, int(hello["pid"]))
                    return agent
            except NotThere as fault:
                if time.monotonic() >= deadline:
                    raise _not_up(place, fault) from fault
            time.sleep(_PAUSE_SECONDS)

    def attended(self, command: Command) -> int:
        """Run a command that a person talks to, as the units' user, where Tenfold is root.

        Gives its exit code.

        Raises:
            TargetError: it cannot be begun.
        """
        assert self.account is not None
        shell = 'cd "$1" && shift && exec "$@"'
        argv = ("/bin/sh", "-c", shell, "sh", command.cwd or "/", *command.argv)
        told = {k: v.reveal() if isinstance(v, Secret) else v for k, v in command.env.items()}
        env = self.account.environment(self._environment, self._state_dir)
        terminal = {k: os.environ[k] for k in ("TERM", "COLORTERM") if k in os.environ}
        return descent.attended(self.account, self._needed(), argv, {**env, **terminal, **told})

    def beside(self, command: Command, **pipes: Any) -> subprocess.Popen[Any]:
        """Start a program as the units' user that is no unit and no host's: a child of this
        process, in a session of its own, which whoever asked for it ends.

        Args:
            command: its environment adds to the small one that units have.
            pipes: what :class:`subprocess.Popen` is to do with its input and output.

        Raises:
            TargetError: the user cannot be made to reach what it needs.
            OSError: there is no such program, or it cannot be run.
        """
        told = {k: v.reveal() if isinstance(v, Secret) else v for k, v in command.env.items()}
        if self.account is None:
            return subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env={**self._environment, **told},
                start_new_session=True,
                **pipes,
            )
        env = {**self.account.environment(self._environment, self._state_dir), **told}
        shell = 'cd "$1" && shift && exec "$@"'
        argv = ("/bin/sh", "-c", shell, "sh", command.cwd or "/", *command.argv)
        return descent.beside(self.account, self._needed(), argv, env, pipes)

    def reach(self, host: str, within_seconds: float | None = None) -> LocalAgent | None:
        """The host's agent if it runs; never starts one.

        One that has just said nothing is not waited for again: whoever shows many things of many
        hosts waits once.

        Raises:
            TargetError: it is there and says nothing for so long.
        """
        place = self._read(host)
        if place is None or not _answers(place):
            return None
        since, fault = self._silent.get(host, (0.0, None))
        if fault is not None and time.monotonic() - since < SILENT_SECONDS:
            raise fault
        agent, began = LocalAgent(place, self._epoch), time.monotonic()
        bound = SILENCE_SECONDS if within_seconds is None else within_seconds
        try:
            agent.hello(bound)
        except TargetError as silence:
            if time.monotonic() - began >= bound:
                self._silent[host] = (time.monotonic(), silence)
            raise
        return agent

    def hosts(self) -> tuple[str, ...]:
        """Hosts that exist on this machine for this deployment."""
        names = (self._places.name_of(folder) for folder in self.directories())
        return tuple(sorted(name for name in names if name is not None))

    def directories(self) -> frozenset[str]:
        """The directories of hosts that exist, by their own names."""
        found = (self._state_dir / "hosts").glob("*/host.json")
        return frozenset(path.parent.name for path in found)

    def roots(self) -> tuple[Path, ...]:
        """Where each of them is."""
        return tuple(self._state_dir / "hosts" / name for name in sorted(self.directories()))

    def logs(
        self, host: str, names: Sequence[str], *, lines: int, follow: bool
    ) -> Iterator[tuple[str, str]]:
        """Read from the files themselves, so also when nothing runs."""
        folder = self._places.of(host)
        if folder is None:
            return iter(())
        logs = directory.root_of(self._state_dir, folder) / "logs"
        return (following.follow if follow else following.read)(logs, names, lines)

    def unit_logs(
        self, host: str, names: Sequence[str], may_have: Wanted | None = None, *, old: bool = True
    ) -> dict[str, UnitLog]:
        """The logs of these units or pools, or of all; by name, and whether anything runs or not.

        Without ``old`` only of each pool's newest generation, unless its members are named.
        """
        folder = self._places.of(host)
        if folder is None:
            return {}
        logs = directory.root_of(self._state_dir, folder) / "logs"
        found = following.matching(logs, names)
        wanted = found if old else following.newest(found, names)
        return {u: UnitLog(host, u, logs / f"{u}.log", may_have) for u in wanted}

    def remains(self, host: str) -> bool:
        """Whether units run although keeper and agent were both killed."""
        folder = self._places.of(host)
        if folder is None:
            return False
        uid, _ = self._owner
        return remains(directory.root_of(self._state_dir, folder), uid)

    def end(self, host: str) -> None:
        """Stop everything of the host; one whose agent was killed gets another one for that.

        Raises:
            StepFailed: this target's epoch is superseded.
        """
        place = self._read(host)
        if place is None:
            return
        if self._epoch is not None:
            # An agent that came only to end things would not ask whether it still may.
            self._ensure(place).shutdown()
            return
        self._start_if_nobody_lives(place, "down")
        deadline = time.monotonic() + START_SECONDS
        while not has_left(place) and time.monotonic() < deadline:
            with contextlib.suppress(NotThere):  # it leaves, or does not yet answer
                LocalAgent(place).shutdown()
                return
            time.sleep(_PAUSE_SECONDS)
        wait_until_left(place)

    def set_aside(self, host: str) -> None:
        """See :class:`tenfold.targets.protocol.Target`."""
        place = self._read(host)
        if place is not None:
            self.end(host)
            directory.set_aside(place, self._state_dir)

    def delete_aside(self) -> None:
        """See :class:`tenfold.targets.protocol.Target`."""
        directory.delete_aside(self._state_dir)

    def destroy(self, host: str) -> None:
        """See :class:`tenfold.targets.protocol.Target`."""
        self.set_aside(host)
        self.delete_aside()

    def _read(self, host: str) -> HostDirectory | None:
        folder = self._places.of(host)
        place = None if folder is None else directory.read(self._state_dir, folder)
        return None if place is None else replace(place, name=host)

    def _require_view(self, place: HostDirectory, agent: int) -> None:
        """Once per agent: to look at every directory that is needed takes 10 ms."""
        if self.account is not None and (place.root, agent) not in self._viewed:
            descent.require(place, self.account, self._needed())
            self._viewed.add((place.root, agent))

    def _needed(self) -> tuple[str, ...]:
        return () if self.account is None else needs(self.account, self._state_dir, self._needs)

    def _start_if_nobody_lives(self, place: HostDirectory, purpose: str = "serve") -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(place.lock, flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            needed = self._needed()
            starting.start(place, lock, purpose, self._environment, self.account, needed)
        except BlockingIOError:
            return  # Somebody lives.
        finally:
            os.close(lock)


def _own_environment() -> dict[str, str]:
    kept = base_environment()
    if VARIABLE in os.environ:
        kept[VARIABLE] = os.environ[VARIABLE]
    return kept


def _answers(place: HostDirectory) -> bool:
    """Whether somebody holds the agent's socket; also true for the moment of a respawn."""
    import socket

    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(str(place.socket))
        except OSError:
            return False
    return True


def _not_up(place: HostDirectory, fault: TargetError) -> TargetError:
    return TargetError(
        f"the agent of {place.name} did not come up: {fault.what}",
        next=fault.next,
        detail="\n".join(last_lines(place.agent_log, 20)) or None,
    )
