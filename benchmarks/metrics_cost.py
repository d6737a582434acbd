"""What ``[metrics]`` costs a site, in processor time: the same site with and without, in turns.

``python -m benchmarks.metrics_cost [rounds] [seconds]`` prints the share of one core that the whole
site takes, idle and at a steady rate of requests, without the table, with it, and with it while
Prometheus' interval is one second. The clock is the kernel's account of time on a processor
(``/proc/PID/task/*/schedstat``), which other work on the machine does not enter.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support import apps
from tests.support.project import Project

ROUNDS, SECONDS = 3, 60.0
RATE = 20.0
SCRAPE_SECONDS = 1.0
TABLES = {"without": "", "with": "\n[metrics]\n"}


def busy_seconds(project: Project) -> Mapping[int, float]:
    """Time on a processor so far, of every process of the site."""
    found: dict[int, float] = {}
    for process in project.processes():
        try:
            files = list(Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
            found[process.pid] = sum(int(f.read_text().split()[0]) for f in files) / 1e9
        except (OSError, ValueError):
            continue
    return found


@contextmanager
def asking(url: str | None, every: float) -> Iterator[None]:
    """GET this again and again, while the block runs."""
    stop = threading.Event()

    def ask() -> None:
        while url is not None and not stop.wait(every):
            with urllib.request.urlopen(url, timeout=10) as answer:
                answer.read()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def share(project: Project, seconds: float) -> float:
    """Of one core, over the next seconds; what ends meanwhile is left out."""
    before, began = busy_seconds(project), time.monotonic()
    time.sleep(seconds)
    after, took = busy_seconds(project), time.monotonic() - began
    return sum(after[pid] - before.get(pid, 0.0) for pid in after) / took


def measured(kind: str, folder: Path, seconds: float) -> dict[str, float]:
    project = apps.notes(folder)
    file = folder / "tenfold.toml"
    file.write_text(file.read_text() + TABLES[kind])
    found: dict[str, float] = {}
    try:
        project.up()
        site = f"http://127.0.0.1:{project.port}/notes"
        units = project.units("metrics")
        scraped = f"http://{units[0]['endpoint']}/metrics" if units else None
        time.sleep(15)
        found["idle"] = share(project, seconds)
        if scraped:
            with asking(scraped, SCRAPE_SECONDS):
                found["idle, scraped"] = share(project, seconds)
        with asking(site, 1 / RATE):
            found[f"{RATE:g} requests/s"] = share(project, seconds)
    finally:
        project.close()
    return found


def main(rounds: int, seconds: float) -> None:
    told: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        for kind in sorted(TABLES, reverse=number % 2 == 0):
            with tempfile.TemporaryDirectory(prefix="tenfold-bench-") as folder:
                Path(folder).chmod(0o755)
                inner = Path(folder) / "notes"
                inner.mkdir()
                for what, value in measured(kind, inner, seconds).items():
                    told.setdefault((what, kind), []).append(value)
                    print(f"{kind:<8} {what:<18} {value * 100:6.2f} % of a core", flush=True)
    print()
    for (what, kind), values in sorted(told.items()):
        print(f"{what:<18} {kind:<8} median {statistics.median(values) * 100:6.2f} % of a core")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else ROUNDS, float(given[1]) if len(given) > 1 else SECONDS)
