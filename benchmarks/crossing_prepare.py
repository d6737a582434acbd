"""What users notice while the copy of a move is made and compared, before any switch."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from benchmarks import wrk
from benchmarks.apps import DIARY
from benchmarks.crossings import THERE
from benchmarks.figures import Goal
from benchmarks.filler import fill, size_mb
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding
from benchmarks.sampled_load import sampled
from benchmarks.tenfold_site import TenfoldSite
from benchmarks.windows import Rate, Sample, Window, of_steps, quantile_ms, rate_in, within
from benchmarks.workplace import Workplace

PAIRS = 10
SIZE_MB, QUICK_MB = 1000, 30
STEADY_SECONDS, REST_SECONDS = 8.0, 2.0
SHARE = 0.95
PHASES = {"StartUnit": "while it copies", "Verify": "while it compares"}
SLOWER, FEWER = Goal(at_most=1.15), Goal(at_least=0.85)
STEADY = "before"
HOW = f"""\
One site at stage 10, with a table that makes its database large. A pair is {STEADY_SECONDS:.0f} s
in which nothing else happens, and then `tenfold grow --to 100 --prepare-only`: a window while the
copy is made and started, and one while it is compared with the leader, cut by the times of the
steps in the command's report. `tenfold abort` removes the copy, and after {REST_SECONDS:.0f} s of
rest comes the next pair. All of it under one open loop of reads and writes at a constant rate, for
the latency, counted from when each request was due; and all of it again under wrk with
{wrk.CONNECTIONS} connections that read, as fast as they are answered, for the requests per second.
Everything shares one machine: copy, app, load."""

Windows = dict[str, Window]


def measure(options: Options, place: Workplace) -> Finding:
    """Prepare and abort under a constant rate, then at full load."""
    site = place.tenfold(DIARY)
    site.up()
    fill(site, QUICK_MB if options.quick else SIZE_MB)
    megabytes = size_mb(site)
    pairs = options.rounds_or(PAIRS)
    with sampled(site.url, options.rate, place.folder / "samples") as samples:
        calm = _pairs(site, pairs, options, "constant rate")
    rates: list[Rate] = []
    full: list[Windows] = []
    if wrk.available():
        with _bursts(site.url + DIARY.path) as rates:
            full = _pairs(site, pairs, options, "full load")
    site.close()
    comparisons: list[Comparison] = []
    notes = [f"The database has {megabytes:,.0f} MB."]
    if not full:
        notes.append(wrk.HOW_TO_GET)
    for kind, words in PHASES.items():
        p95 = _values(kind, calm, lambda w: quantile_ms(within(samples, w), SHARE))
        comparisons += _compared(f"p95 {words}", "ms", p95, SLOWER)
        many = _values(kind, full, lambda w: rate_in(rates, w))
        comparisons += _compared(f"answers at full load {words}", "1/s", many, FEWER)
    return Finding(
        name="crossing_prepare",
        title="While the copy is made, before any switch",
        how=HOW,
        comparisons=tuple(comparisons),
        notes=(*notes, *_lengths(calm), _failed(samples)),
        raw={
            "database_mb": megabytes,
            "constant_rate": [_plain(windows) for windows in calm],
            "full_load": [_plain(windows) for windows in full],
            "bursts": [asdict(rate) for rate in rates],
            "samples": _kept(samples, calm),
        },
        sides=("preparing", STEADY),
    )


def _pairs(site: TenfoldSite, pairs: int, options: Options, what: str) -> list[Windows]:
    found = []
    for turn in range(pairs):
        time.sleep(options.seconds(REST_SECONDS))
        began = time.time()
        time.sleep(options.seconds(STEADY_SECONDS))
        windows = {STEADY: Window(began, time.time())}
        report, _ = site.move(*THERE, "--prepare-only")
        for kind in PHASES:
            if (window := of_steps(report, kind)) is not None:
                windows[kind] = window
        found.append(windows)
        site.move("abort")
        print(f"  {what}: {turn + 1} of {pairs}", file=sys.stderr, flush=True)
    return found


@contextmanager
def _bursts(url: str) -> Iterator[list[Rate]]:
    """wrk, second after second, while the body runs."""
    over, rates = threading.Event(), list[Rate]()
    faults: list[Exception] = []

    def go_on() -> None:
        while not over.is_set():
            began = time.time()
            try:
                burst = wrk.burst(url, 1.0)
            except (RuntimeError, OSError) as fault:
                faults.append(fault)
                return
            rates.append(Rate(began, time.time(), burst.per_second))

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield rates
    finally:
        over.set()
        thread.join()
    if faults:
        raise faults[0]


def _values(
    kind: str, pairs: list[Windows], value: Callable[[Window], float | None]
) -> list[tuple[float, float]]:
    """Of each pair that has both: within this phase, and before."""
    found = [(value(w[kind]), value(w[STEADY])) for w in pairs if kind in w]
    return [(a, b) for a, b in found if a is not None and b]


def _compared(what: str, unit: str, pairs: list[tuple[float, float]], goal: Goal) -> Iterator[Any]:
    if pairs:
        ours, theirs = zip(*pairs, strict=True)
        yield Comparison(what, unit, ours, theirs, goal.at_least is not None, goal)


def _lengths(pairs: list[Windows]) -> Iterator[str]:
    for kind, words in PHASES.items():
        seconds = sorted(windows[kind].seconds for windows in pairs if kind in windows)
        if seconds:
            span = f"{seconds[0]:.1f} to {seconds[-1]:.1f} s"
            yield f"At a constant rate the window {words} was {span} long."


def _failed(samples: list[Sample]) -> str:
    failed = sum(sample.latency_ms is None for sample in samples)
    return f"At a constant rate {failed} of {len(samples):,} requests failed."


def _kept(samples: list[Sample], pairs: list[Windows]) -> list[tuple[float, float | None]]:
    """Those within a window, as pairs of numbers; there are many."""
    windows = [window for found in pairs for window in found.values()]
    return [
        (round(s.due, 3), None if s.latency_ms is None else round(s.latency_ms, 2))
        for window in windows
        for s in within(samples, window)
    ]


def _plain(windows: Windows) -> dict[str, list[float]]:
    return {name: [window.began, window.ended] for name, window in windows.items()}
