"""One run: its process, its output, its time; ended in order when that is up, then by force."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.agent import logs
from tenfold.agent.run import shell_code
from tenfold.agent.spawn import CannotExecute, Plan, spawn
from tenfold.jobs import config, marks

if TYPE_CHECKING:
    from tenfold.agent.handle import Exit, Process
    from tenfold.jobs.book import Outcome
    from tenfold.jobs.config import Job

CANNOT_EXECUTE = 127


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; ``note`` says what its exit code does not."""

    outcome: Outcome
    code: int | None
    seconds: float
    note: str | None = None


def environment(
    environ: Mapping[str, str], job: Job, slot: float | None, mark: str
) -> dict[str, str]:
    """What a run has in its environment: the scheduler's own, and which run it is."""
    own = {k: v for k, v in environ.items() if k not in (config.VARIABLE, config.TURNS)}
    told = {"TENFOLD_JOB": job.name, marks.VARIABLE: mark}
    if slot is not None:
        told["TENFOLD_SLOT"] = datetime.fromtimestamp(slot, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**own, **told}


async def run(
    job: Job, environ: Mapping[str, str], output: Path, over: asyncio.Event | None = None
) -> Ended:
    """Run a job to its end; nothing of it is left then.

    Args:
        job: what, and for how long at most.
        environ: its whole environment, with the mark of this run.
        output: the file that gets what it prints.
        over: set when it has to end, since another host may begin it.
    """
    began, mark = time.monotonic(), environ[marks.VARIABLE]
    try:
        descriptor = logs.open_for_unit(output)
    except OSError as fault:
        note = f"its output cannot be kept: {output.parent}: {fault.strerror}"
        return Ended("failed", None, 0.0, note)
    try:
        plan = Plan(job.argv, environ, str(Path.cwd()), descriptor, nonce=mark, thorough=False)
        process = await spawn(plan)
    except CannotExecute as fault:
        return Ended("failed", CANNOT_EXECUTE, time.monotonic() - began, fault.what)
    except OSError as fault:
        note = f"no process can be started: {fault.strerror}"
        return Ended("failed", None, time.monotonic() - began, note)
    finally:
        os.close(descriptor)
    over = over or asyncio.Event()
    exit_, cut_short = await _ended(process, job, over)
    code, left = shell_code(exit_), marks.kill(mark)
    also = f"{left} of its processes went on, and were killed" if left else None
    told = "; ".join(text for text in (cut_short, also) if text) or None
    outcome: Outcome = "done" if code == 0 else "failed"
    if cut_short:
        outcome = "cut off" if over.is_set() else "timed out"
    return Ended(outcome, code, time.monotonic() - began, told)


async def _ended(process: Process, job: Job, over: asyncio.Event) -> tuple[Exit, str | None]:
    """Its end, and how that was brought about if it took too long, or was another host's."""
    waits = asyncio.create_task(process.wait()), asyncio.create_task(over.wait())
    await asyncio.wait(waits, timeout=job.timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    waits[1].cancel()
    if waits[0].done():
        return waits[0].result(), None
    waits[0].cancel()
    why = f"took longer than {job.timeout_seconds:g} s"
    if over.is_set():
        why = "its next time came, and another host may keep the schedule"
    note = f"{why}: it got SIGTERM"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(job.grace_seconds):
            return await process.wait(), f"{note} and ended"
    process.signal(signal.SIGKILL)
    return await process.wait(), f"{note}, and SIGKILL {job.grace_seconds:g} s later"
