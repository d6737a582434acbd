"""``python -m tenfold.load`` in a process of its own, on either side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

ANSWERS_SECONDS = 60.0  # after the load was ended: for the last answers and the comparison
DSN = "BENCHMARK_DATABASE_URL"


@dataclass(slots=True)
class OpenLoop:
    """A load that runs while the body of its ``with`` does; :attr:`report` is there afterwards.

    Attributes:
        spec: text of a TOML file with a [load] table.
        dsn: the database that acknowledged writes are looked for in, for a spec with a ledger.
        duration_seconds: its end, if the body does not end sooner.
    """

    spec: str
    url: str
    folder: Path
    rate: float
    duration_seconds: float
    dsn: str | None = None
    report: dict[str, Any] | None = None
    _process: subprocess.Popen[str] | None = None

    def __enter__(self) -> OpenLoop:
        self.folder.mkdir()
        file = self.folder / "load.toml"
        file.write_text(self.spec)
        argv = [sys.executable, "-m", "tenfold.load", "--spec", str(file), "--url", self.url]
        argv += ["--failures", str(self.folder / "failures")]
        argv += ["--rate", f"{self.rate:g}", "--duration", f"{self.duration_seconds:g}", "--json"]
        env = dict(os.environ)
        if self.dsn is not None:
            argv += ["--ledger", str(self.folder / "ledger"), "--check-dsn-env", DSN]
            env[DSN] = self.dsn
        with (self.folder / "report.json").open("w") as out, (self.folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                argv, env=env, stdout=out, stderr=log, start_new_session=True
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        if kind is not None:
            self._process.kill()
            self._process.wait()
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._finish(ANSWERS_SECONDS)

    def failures(self) -> list[dict[str, Any]]:
        """Of a load that has ended: each request that failed, as ``--failures`` writes it."""
        return [json.loads(line) for line in (self.folder / "failures").read_text().splitlines()]

    def to_its_end(self) -> None:
        """Wait until its duration is over."""
        assert self._process is not None
        self._finish(self.duration_seconds + ANSWERS_SECONDS)

    def check(self) -> None:
        """Raise RuntimeError if it has ended already, which must not go unnoticed."""
        if self._process is not None and self._process.poll() is not None:
            self._finish(0.0)
            raise RuntimeError(f"the load ended early, see {self.folder}")

    def _finish(self, within_seconds: float) -> None:
        assert self._process is not None
        try:
            code = self._process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        if code not in (0, 1):  # 1: it did its work, and something failed
            raise RuntimeError(f"the load: {code}\n{(self.folder / 'log').read_text()}")
        self.report = json.loads((self.folder / "report.json").read_text())
