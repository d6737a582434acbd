"""Pebble, Let's Encrypt's authority for tests, which refuses nonces and shuffles on purpose."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.town import AUTHORITY, Town, until

from tenfold.certificates import pem

PORT = 14000


@dataclass
class Pebble:
    """One authority in a town; ``slow`` lets it think about proofs for some seconds."""

    town: Town
    folder: Path
    http_port: int = 80
    slow: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def directory(self) -> str:
        return f"https://{AUTHORITY}:{PORT}/dir"

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
        self.root.write_text(pem.self_signed(key, [AUTHORITY], now))
        told = {
            "listenAddress": f"127.0.0.1:{PORT}",
            "managementListenAddress": "127.0.0.1:15000",
            "certificate": str(self.root),
            "privateKey": str(self.folder / "key.pem"),
            "httpPort": self.http_port,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        (self.folder / "config.json").write_text(json.dumps({"pebble": told}))
        quick = {} if self.slow else {"PEBBLE_VA_NOSLEEP": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.town.inside(["pebble", "-config", str(self.folder / "config.json")]),
                stdout=log,
                stderr=log,
                env={**os.environ, **quick},
            )
        until(lambda: self.town.ask(self.directory)["status"] == 200, "pebble answers")

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
