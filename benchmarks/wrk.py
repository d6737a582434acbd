"""The load generator wrk (https://github.com/wg/wrk): a closed loop, as fast as it is answered."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

CONNECTIONS = 32
HOW_TO_GET = "nothing was measured: wrk is not on PATH (Debian: apt-get install wrk)"


@dataclass(frozen=True, slots=True)
class Burst:
    """One run: answers per second, how many were not 200, and wrk's own share of one core."""

    per_second: float
    errors: int
    cpu_share: float


def available() -> bool:
    """Whether it is installed."""
    return shutil.which("wrk") is not None


def burst(url: str, seconds: float) -> Burst:
    """Load a URL over kept-alive connections.

    Raises:
        RuntimeError: wrk failed or said something else than expected.
    """
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", url]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {process.returncode}\n{said}")
    return read(said, usage.ru_utime + usage.ru_stime, seconds)


def read(said: str, cpu_seconds: float, seconds: float) -> Burst:
    """What wrk's report means.

    Raises:
        RuntimeError: it is no report of wrk's.
    """
    rate = re.search(r"^Requests/sec:\s*([\d.]+)$", said, re.MULTILINE)
    if rate is None:
        raise RuntimeError(f"no report of wrk:\n{said}")
    wrong = re.search(r"^  Non-2xx or 3xx responses: (\d+)$", said, re.MULTILINE)
    broken = re.search(r"^  Socket errors: (.*)$", said, re.MULTILINE)
    errors = int(wrong[1]) if wrong else 0
    errors += sum(int(n) for n in re.findall(r"\d+", broken[1])) if broken else 0
    return Burst(float(rate[1]), errors, cpu_seconds / seconds)
