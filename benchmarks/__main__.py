"""``python -m benchmarks [NAME ...]``: Tenfold beside the same by hand, in one run.

Figures go to ``benchmarks/results/NAME.json``, and all that are there to ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import tenfold
from benchmarks import (
    backups,
    brought,
    crossing_prepare,
    crossing_sizes,
    crossings,
    crossings_1k,
    deploys,
    export,
    failover,
    importing,
    latency,
    markdown,
    memory,
    publishing,
    starvation,
    throughput,
    up,
    wrapper,
)
from benchmarks.machine import Watch
from benchmarks.options import Options
from benchmarks.results import Finding, Record, records_in
from benchmarks.workplace import Workplace, workplace

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE / "RESULTS.md"
BENCHMARKS: Mapping[str, Callable[[Options, Workplace], Finding]] = {
    "up": up.measure,
    "brought": brought.measure,
    "wrapper": wrapper.measure,
    "throughput": throughput.measure,
    "latency": latency.measure,
    "memory": memory.measure,
    "deploys": deploys.measure,
    "crossings": crossings.measure,
    "crossings_1k": crossings_1k.measure,
    "crossing_sizes": crossing_sizes.measure,
    "crossing_prepare": crossing_prepare.measure,
    "failover": failover.measure,
    "starvation": starvation.measure,
    "importing": importing.measure,
    "backups": backups.measure,
    "export": export.measure,
    "publishing": publishing.measure,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for, one after the other, and write each result as soon as it is there."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    options = Options(
        quick=arguments.quick,
        rounds=arguments.rounds,
        deploys=arguments.deploys,
        restarts=arguments.restarts,
        crossings=arguments.crossings,
        by_hand=arguments.by_hand,
        sizes_mb=arguments.sizes,
        rate=arguments.rate,
        minutes=arguments.minutes,
    )
    _compile()
    command = shlex.join(["python", "-m", "benchmarks", *(sys.argv[1:] if argv is None else argv)])
    failed = []
    for name in arguments.names or BENCHMARKS:
        try:
            _run(name, options, command)
        except KeyboardInterrupt:
            print("stopped; everything that was started is down again", file=sys.stderr)
            return 130
        except Exception:  # noqa: BLE001 - the others are worth running all the same
            traceback.print_exc()
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _compile() -> None:
    """Byte code for Tenfold, as pip makes it: a checkout has none, and may be told to keep none."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(Path(tenfold.__file__).parent, quiet=1)


def _run(name: str, options: Options, command: str) -> None:
    print(f"{name} ...", file=sys.stderr, flush=True)
    watch = Watch()
    with workplace() as place:
        finding = BENCHMARKS[name](options, place)
    record = Record(finding, watch.facts(), command)
    print(markdown.text(finding), flush=True)
    if options.quick:
        print("quick: nothing was written, and these figures are worth nothing\n", file=sys.stderr)
        return
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(record.to_json())
    PAGE.write_text(markdown.page(records_in(RESULTS, BENCHMARKS)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="of every paired benchmark")
    parser.add_argument("--deploys", type=int, metavar="N", help="in a row (200)")
    parser.add_argument("--restarts", type=int, metavar="N", help="by hand, beside them (20)")
    parser.add_argument(
        "--crossings", type=int, metavar="N", help="there, and as many back (50; to 1k 20)"
    )
    parser.add_argument("--by-hand", type=int, metavar="N", help="moves, beside them (5)")
    parser.add_argument(
        "--sizes", type=_sizes, metavar="MB,MB", help="of crossing_sizes (5000,100)"
    )
    parser.add_argument(
        "--rate", type=float, default=100.0, help="requests/s during deploys and moves (100)"
    )
    parser.add_argument("--minutes", type=float, metavar="N", help="of starvation (60)")
    parser.add_argument("--quick", action="store_true", help="only show that everything works")
    return parser


def _sizes(text: str) -> tuple[int, int]:
    large, small = (int(part) for part in text.split(","))
    return large, small


if __name__ == "__main__":
    sys.exit(main())
