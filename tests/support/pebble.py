"""Pebble, Let's Encrypt's authority for tests, which refuses nonces and shuffles on purpose."""

from __future__ import annotations

import datetime
import json
import os
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ports import free_port
from tests.support.town import AUTHORITY, Town, until

from tenfold.certificates import pem

PORT = 14000


@dataclass
class Pebble:
    """One authority in a town, or without one on this machine, where it is called ``localhost``.

    ``slow`` lets it think about proofs for some seconds.
    """

    town: Town | None
    folder: Path
    http_port: int = 80
    slow: bool = False
    port: int = PORT
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def directory(self) -> str:
        return f"https://{self.name}:{self.port}/dir"

    @property
    def name(self) -> str:
        return "localhost" if self.town is None else AUTHORITY

    @property
    def root(self) -> Path:
        return self.folder / "server.pem"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def orders(self) -> int:
        return self.log.read_text().count("POST /order-plz")

    def open(self) -> None:
        self.folder.mkdir()
        key = pem.new_key()
        now = datetime.datetime.now(datetime.UTC)
        (self.folder / "key.pem").write_text(pem.key_text(key))
        self.root.write_text(pem.self_signed(key, [self.name], now))
        told = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{free_port()}",
            "certificate": str(self.root),
            "privateKey": str(self.folder / "key.pem"),
            "httpPort": self.http_port,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        (self.folder / "config.json").write_text(json.dumps({"pebble": told}))
        quick = {} if self.slow else {"PEBBLE_VA_NOSLEEP": "1"}
        argv = ["pebble", "-config", str(self.folder / "config.json")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv if self.town is None else self.town.inside(argv),
                stdout=log,
                stderr=log,
                env={**os.environ, **quick},
            )
        until(self._answers, "pebble answers")

    def _answers(self) -> bool:
        if self.town is not None:
            return bool(self.town.ask(self.directory)["status"] == 200)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
