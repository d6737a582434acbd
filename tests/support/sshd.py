"""A real sshd on a loopback port, with a host key and a user's key of its own, gone at the end."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.ports import free_port
from tests.support.postgres import wait_for

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
WHY_NOT = "no sshd here (Debian: openssh-server)"


@dataclass(frozen=True)
class Sshd:
    """A running server. ``environ`` has an ``ssh`` that knows it, and is the system's otherwise."""

    root: Path
    port: int
    pid: int = 0

    @property
    def user(self) -> str:
        return getpass.getuser()

    @property
    def known_hosts(self) -> Path:
        return self.root / "known_hosts"

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}

    def url(self, directory: Path) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{directory}"

    def trust(self, key: str) -> None:
        """Have the client know this key of the host, and no other."""
        public = (self.root / f"{key}.pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {' '.join(public)}\n")


@contextmanager
def running(root: Path) -> Iterator[Sshd]:
    assert SSHD, WHY_NOT
    server = Sshd(root, free_port())
    for name in ("host", "other", "user", "stranger"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(root / name)],
            check=True,
        )
    shutil.copy(root / "user.pub", root / "authorized_keys")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd of root has to have one
    (root / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{server.port}\nHostKey {root / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {root / 'authorized_keys'}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\nLogLevel VERBOSE\n"
    )
    (root / "ssh_config").write_text(
        f"UserKnownHostsFile {server.known_hosts}\nGlobalKnownHostsFile /dev/null\n"
        f"IdentityFile {root / 'user'}\nIdentitiesOnly yes\n"
    )
    shim = root / "bin" / "ssh"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {root / "ssh_config"} "$@"\n')
    shim.chmod(0o755)
    server.trust("host")
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(root / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(
                lambda: b"Server listening" in (root / "log").read_bytes(),
                within=20,
                subject="sshd to listen",
            )
            yield replace(server, pid=process.pid)
        finally:
            process.kill()
            process.wait()
