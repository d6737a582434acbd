"""The keeper: a second, tiny process that keeps what the agent must not lose when it is killed.

Run as a file of its own, without site-packages: ``keeper.py LINK LOCK DETACH AGENT_ARGV...``, where
LINK is the descriptor of a socket to a living agent or -1, LOCK the descriptor of the host's lock,
and DETACH 1 to go into the background first.

It holds a copy of every listening socket and of the host's lock; it starts the agent again when the
agent ends; and as a subreaper it collects the units that a dead agent leaves behind and tells how
they ended. It decides nothing. The agent for its part replaces a keeper that ends.

Messages on the link are lines, in both directions: ``hold NAME`` (with a descriptor),
``drop NAME``, and ``dropped NAME`` when that is done, ``died PID STATUS``, ``go`` (to an agent: you
have everything now), ``stop`` (to an agent: end in order), ``exit`` (to the keeper: do not start
the agent again).
"""

import array
import contextlib
import os
import select
import signal
import socket
import sys
import time

LINK_FD = 3
LOCK_FD = 4
HEALTHY_SECONDS = 10.0
LONGEST_DELAY_SECONDS = 5.0
MAX_STATUSES = 1000
PR_SET_CHILD_SUBREAPER = 36


class Keeper:
    """What is held, and the link to the agent."""

    def __init__(self, lock: int, agent_argv: list[str]) -> None:
        self.lock = lock
        self.agent_argv = agent_argv
        self.held: dict[str, int] = {}
        self.statuses: dict[int, int] = {}
        self.link: socket.socket | None = None
        self.agent_pid = 0
        self.leaving = False
        self.crashes = 0
        self.born = 0.0
        self.start_at: float | None = None
        self._lines = b""
        self._fds: list[int] = []

    def start_agent(self) -> None:
        """Fork the agent and give it everything that is held."""
        mine, theirs = socket.socketpair()
        again = "again" if self.born else "first"
        self.born = time.monotonic()
        self.start_at = None
        # Until it has handlers of its own, a signal for the child would wake this process.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid = os.fork()
        if pid == 0:
            execute([*self.agent_argv, again], theirs.fileno(), self.lock)
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        theirs.close()
        self.agent_pid = pid
        self.connect(mine)
        for name, fd in list(self.held.items()):
            self.send(f"hold {name}", fd)
        for status in list(self.statuses.items()):
            self.send("died {} {}".format(*status))
        self.statuses.clear()
        self.send("go")

    def connect(self, link: socket.socket) -> None:
        """Talk to an agent over this socket from now on."""
        link.setblocking(False)
        self.link = link
        self._lines = b""

    def send(self, text: str, fd: int = -1) -> None:
        """Tell the agent; a broken link is noticed where it is read."""
        if self.link is None:
            return
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd >= 0 else []
        with contextlib.suppress(OSError):
            self.link.sendmsg([text.encode() + b"\n"], rights)

    def hear(self) -> None:
        """Read from the agent until nothing more is there."""
        assert self.link is not None
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self.link, 4096, 8)
            except BlockingIOError:
                return
            except OSError:
                data, fds = b"", []
            for fd in fds:
                os.set_inheritable(fd, False)
            self._fds += fds
            if not data:
                self.lost()
                return
            *lines, self._lines = (self._lines + data).split(b"\n")
            for line in lines:
                self.obey(line.decode().split(" "))

    def obey(self, words: list[str]) -> None:
        """One message of the agent."""
        if words[0] in ("hold", "drop"):
            if words[1] in self.held:
                os.close(self.held.pop(words[1]))
            if words[0] == "hold" and self._fds:
                self.held[words[1]] = self._fds.pop(0)
            if words[0] == "drop":
                self.send(f"dropped {words[1]}")
        elif words[0] == "exit":
            self.leaving = True

    def lost(self) -> None:
        """The agent has ended: start it again, at once if it had lived for a while."""
        assert self.link is not None
        self.link.close()
        self.link = None
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
        if self.leaving:
            sys.exit(0)
        now = time.monotonic()
        self.crashes = 0 if now - self.born > HEALTHY_SECONDS else self.crashes + 1
        delay = 0.0 if self.crashes < 2 else min(0.1 * 2**self.crashes, LONGEST_DELAY_SECONDS)
        with contextlib.suppress(OSError):  # A full disk is no reason to end.
            text = f"keeper {os.getpid()}: the agent ended; next start in {delay:g} s\n"
            os.write(1, text.encode())
        self.start_at = now + delay

    def reap(self) -> None:
        """Collect children, each with the rest of its session; tell the agent how they ended."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            pid = found.si_pid
            if pid != self.agent_pid:
                # Until it is collected its number cannot mean another group.
                with contextlib.suppress(OSError):
                    if os.getpgid(pid) == pid:
                        os.killpg(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
            if pid == self.agent_pid:
                continue
            if self.link is not None:
                self.send(f"died {pid} {status}")
            elif len(self.statuses) < MAX_STATUSES:
                self.statuses[pid] = status

    def terminate(self) -> None:
        """The machine goes down: let the agent end everything in order."""
        self.leaving = True
        if self.link is None:
            sys.exit(0)
        self.send("stop")


def execute(argv: list[str], link: int, lock: int) -> None:
    """Become another program that has the link and the lock as descriptors 3 and 4."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        high_link, high_lock = os.dup(link), os.dup(lock)
        while high_link <= LOCK_FD:
            high_link = os.dup(high_link)
        while high_lock <= LOCK_FD:
            high_lock = os.dup(high_lock)
        os.dup2(high_link, LINK_FD)
        os.dup2(high_lock, LOCK_FD)
        os.execv(argv[0], argv)  # noqa: S606
    finally:
        os._exit(127)


def become_subreaper() -> None:
    """Have orphaned descendants as children, where the kernel offers that."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main(link: int, lock: int, detach: bool, agent_argv: list[str]) -> None:
    """Keep until told to exit."""
    if detach:
        if os.fork():
            os._exit(0)
        os.setsid()
    become_subreaper()
    os.set_inheritable(lock, False)
    keeper = Keeper(lock, agent_argv)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    terminated = [False]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: terminated.__setitem__(0, True))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    if link >= 0:
        os.set_inheritable(link, False)
        keeper.born = time.monotonic()
        keeper.connect(socket.socket(fileno=link))
    else:
        keeper.start_agent()
    while True:
        wait = None
        if keeper.start_at is not None:
            wait = max(0.0, keeper.start_at - time.monotonic())
        watched = [reader] if keeper.link is None else [reader, keeper.link.fileno()]
        ready = select.select(watched, [], [], wait)[0]
        if reader in ready:
            os.read(reader, 4096)
        keeper.reap()
        if terminated[0]:
            terminated[0] = False
            keeper.terminate()
        if keeper.link is not None and keeper.link.fileno() in ready:
            keeper.hear()
        if keeper.start_at is not None and keeper.start_at <= time.monotonic():
            keeper.start_agent()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1", sys.argv[4:])
