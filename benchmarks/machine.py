"""On what the figures were made, and how busy it was with other things."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from tenfold.engines.nginx import binaries as nginx
from tenfold.engines.postgresql import binaries as postgresql

ROOT = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class Watch:
    """From its making to :meth:`facts`: what the machine did meanwhile."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    _cpu: tuple[float, float] = field(default_factory=lambda: _stolen())

    def facts(self) -> dict[str, str]:
        """When, where, with what, beside how much else."""
        total, stolen = (now - then for now, then in zip(_stolen(), self._cpu, strict=True))
        minutes = (datetime.now(UTC) - self.began).total_seconds() / 60
        return {
            "date": f"{self.began:%Y-%m-%d %H:%M} UTC, {minutes:.0f} min",
            "commit": _commit(),
            "processor": f"{len(os.sched_getaffinity(0))} cores, {_model()}",
            "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
            "kernel": f"{platform.system()} {platform.release()}",
            "software": (
                f"Python {platform.python_version()},"
                f" PostgreSQL {postgresql.find().version},"
                f" nginx {'.'.join(map(str, nginx.find().version))}"
            ),
            "user": "root" if os.geteuid() == 0 else "an ordinary user",
            "load average before": f"{self.load_before:.2f}",
            "taken by other guests of the host": f"{stolen / max(total, 1e-9):.1%}",
        }


def _stolen() -> tuple[float, float]:
    times = psutil.cpu_times()
    return sum(times), getattr(times, "steal", 0.0)


def _model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _commit() -> str:
    asked = ("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown (no git)"
    return done.stdout.strip()
