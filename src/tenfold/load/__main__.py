"""``python -m tenfold.load``: load in a process of its own, for benchmarks and apps of others.

Exit status: 0 when no request failed and no write was lost or doubled, 1 when one was, 2 when
nothing was done because the file or the command is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tenfold.errors import TenfoldError, UsageError
from tenfold.load import (
    Comparison,
    Ledger,
    LoadPlan,
    LoadReport,
    comparison_json,
    judge,
    load_table_from,
    new_loop,
    new_run_id,
    plan_load,
    render,
    render_comparison,
    require_judgeable,
    run_load,
)
from tenfold.load.engine import Ended
from tenfold.load.judging import again
from tenfold.secret import Secret

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            result = runner.run(_command(arguments))
    except TenfoldError as error:
        sys.stderr.write(_told(error))
        return error.exit_code
    sys.stdout.write(json.dumps(result.data, indent=1) + "\n" if arguments.json else result.text)
    if result.failure is not None:
        sys.stderr.write(_told(result.failure))
    return 0 if result.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tenfold.load", description=__doc__)
    parser.add_argument("--spec", type=Path, required=True, help="TOML file with a [load] table")
    parser.add_argument("--url", required=True, help="the site, as http://127.0.0.1:8000")
    parser.add_argument("--ledger", type=Path, help="file to write; needed with ledger = true")
    parser.add_argument("--failures", type=Path, help="file for a line of each that failed")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--rate", type=float, help="requests per second, instead of the file's")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="instead of the file's")
    parser.add_argument("--seed", type=int, help="instead of the file's")
    parser.add_argument("--check-dsn-env", metavar="NAME", help="compare with this database")
    parser.add_argument("--check", action="store_true", help="compare with the app's endpoint")
    parser.add_argument("--compare-only", action="store_true", help="no load: the ledger is there")
    parser.add_argument("--allow-remote", action="store_true", help="the site is elsewhere")
    return parser


@dataclass(frozen=True, slots=True)
class _Result:
    ok: bool
    data: dict[str, Any]
    text: str
    failure: TenfoldError | None = None


async def _command(arguments: argparse.Namespace) -> _Result:
    plan = plan_load(
        load_table_from(arguments.spec),
        run_id=new_run_id(),
        rate=arguments.rate,
        duration_seconds=arguments.duration,
        seed=arguments.seed,
        path=arguments.spec,
    )
    if arguments.compare_only:
        comparison = await _compared(plan, arguments)
        return _Result(comparison.holds, comparison_json(comparison), render_comparison(comparison))
    compares = arguments.check or arguments.check_dsn_env
    if compares:
        ledger = _ledger_path(arguments)
        await require_judgeable(plan.source, dsn=_dsn(arguments.check_dsn_env), run_id=plan.run_id)
    report = await _loaded(plan, arguments)
    failure = None
    if compares:
        try:
            report = report.compared(await _compared(plan, arguments))
        except TenfoldError as error:
            failure = again(error, ledger, "--compare-only")
            report = report.not_compared(error.what)
    return _Result(report.ok, report.to_json(), render(report), failure)


async def _loaded(plan: LoadPlan, arguments: argparse.Namespace) -> LoadReport:
    """Make the load; the first SIGINT or SIGTERM ends it early, with a report."""
    with contextlib.ExitStack() as stack:
        ledger = None
        if plan.keeps_ledger:
            ledger = stack.enter_context(Ledger(_ledger_path(arguments), plan.run_id))
        stop = stack.enter_context(_stopped_by_signals())
        failures = stack.enter_context(_failures(arguments.failures))
        return await run_load(
            plan,
            arguments.url,
            ledger=ledger,
            on_request=failures,
            stop=stop,
            allow_remote=arguments.allow_remote,
            clock=time.monotonic,
        )


@contextlib.contextmanager
def _failures(path: Path | None) -> Iterator[Callable[[Ended], None] | None]:
    """Writes a JSON object and a line of each request that fails: when it was due, was sent and
    ended, in seconds of the machine's monotonic clock, whether it writes, and how it failed."""
    if path is None:
        yield None
        return
    try:
        file = path.open("w")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    with file:

        def note(ended: Ended) -> None:
            if ended.failure is not None:
                file.write(json.dumps(asdict(ended)) + "\n")

        yield note


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in _STOPPING:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)


async def _compared(plan: LoadPlan, arguments: argparse.Namespace) -> Comparison:
    return await judge(
        _ledger_path(arguments),
        plan.source,
        dsn=_dsn(arguments.check_dsn_env),
        base_url=arguments.url,
        allow_remote=arguments.allow_remote,
    )


def _ledger_path(arguments: argparse.Namespace) -> Path:
    if arguments.ledger is None:
        raise UsageError(
            "requests with ledger = true need a file to be written down in",
            next="add --ledger FILE",
        )
    path: Path = arguments.ledger
    return path


def _dsn(name: str | None) -> Secret | None:
    if name is None:
        return None
    if not os.environ.get(name):
        raise UsageError(f"the environment variable {name} has no database address in it")
    return Secret(os.environ[name])


def _told(error: TenfoldError) -> str:
    lines = [error.what, f"Changed  {error.changed or 'nothing'}"]
    lines += [f"Next     {error.next}"] if error.next else []
    lines += [error.detail] if error.detail else []
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
