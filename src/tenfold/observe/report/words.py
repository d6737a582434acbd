"""What a report says in sentences, on a terminal and on its page alike. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenfold.observe.report import drills
from tenfold.observe.report.figures import clock, count, duration, milliseconds, size
from tenfold.observe.report.model import Report
from tenfold.observe.report.waits import FLUSH_SECONDS

ACTIONS: Final = {
    "grow": "makes the switch",
    "shrink": "makes the switch",
    "resume": "goes on from here",
    "abort": "removes what was prepared",
    "reverse": "takes it back, as live as it was made",
    "complete": "removes the old copy, and with it the way back",
}


def headline(report: Report) -> str:
    """What the command came to, in one sentence."""
    if report.drill is not None:
        return drills.headline(report, report.drill)
    move = f"from stage {report.home} to stage {report.goal}"
    if report.outcome == "backed-out":
        return f"{_the(report)} was taken back: {report.app} runs as before"
    if report.outcome == "failed":
        return f"{_the(report)} did not reach its end"
    if report.host is not None:
        return _of_a_host(report.command, report.host, report.app)
    if report.command == "complete":
        return f"{report.app} is at stage {_stage(report.after)} for good"
    if report.command == "abort":
        return f"{report.app} is back at stage {_stage(report.after)}: the move {move} was given up"
    if _stage(report.before) != _stage(report.after):
        back = "went back" if _stage(report.after) == report.home else "moved"
        return (
            f"{report.app} {back} from stage {_stage(report.before)}"
            f" to stage {_stage(report.after)} while it ran"
        )
    if report.before == report.after:
        return f"{report.app} is at stage {_stage(report.after)}, as it was"
    return f"{report.app} is prepared to move {move}"


def waited(report: Report) -> str:
    """Who waited, and for how long."""
    if not report.holds:
        return "no request had to wait: none was held"
    held = f"requests were held for {duration(held_seconds(report))}"
    waits = report.waits
    if waits is None:
        return f"{held}; the edge's log could not be read, so nobody knows who waited"
    if not waits.count and not log_covers(report):
        return f"{held}; what was read of the edge's log begins only after that"
    troubles = _troubles(report)
    if not waits.count:
        return f"{held}, and none came in that time{troubles}"
    longest = milliseconds(waits.longest_ms)
    if waits.count == 1:
        return f"one request waited, for {longest}{troubles or ', and did not fail'}"
    return (
        f"requests waited, the longest {longest};"
        f" {waits.count:,} of them{troubles or ', none failed'}"
    )


def lead(report: Report) -> str:
    """The same where it begins a page."""
    if report.drill is not None:
        return drills.noticed(report.drill)
    waits = report.waits
    if not report.holds or waits is None or waits.count < 2:
        return waited(report)
    return (
        f"{waits.count:,} requests waited, the longest for"
        f" {milliseconds(waits.longest_ms)}{_troubles(report) or '; none failed'}"
    )


def _troubles(report: Report) -> str:
    assert report.waits is not None
    told = ""
    if report.waits.failed:
        told += f"; {count(report.waits.failed, 'answer')} of 502, 503 or 504 around that"
    if report.waits.left:
        told += f"; {count(report.waits.left, 'client')} left while waiting"
    if report.waits.count and not log_covers(report):
        told += "; there may have been more, before what was read of the edge's log"
    return told


def log_covers(report: Report) -> bool:
    """Whether the log was read from before the first hold on.

    Lines lie in it as they were written, each up to a second after its request had ended.
    """
    since = report.waits.since if report.waits else None
    if since is None or not report.holds:
        return since is not None
    return since + FLUSH_SECONDS <= report.holds[0].began


def source(report: Report) -> str:
    """Where the figures of requests come from."""
    waits = report.waits
    if waits is None:
        return "The edge's log could not be read."
    if waits.since is None:
        return "The edge's log has no requests."
    return (
        f"From the edge's access log: {count(waits.requests, 'request')} that ended between the"
        f" begin and the end of the command; the oldest line that was read is of"
        f" {clock(waits.since)}."
    )


def held_seconds(report: Report) -> float:
    """How long the longest hold lasted."""
    return max((hold.seconds for hold in report.holds), default=0.0)


def verified(found: Mapping[str, Any]) -> str:
    """What the comparison of the two databases came to."""
    read = (
        f"{count(int(found.get('tables', 0)), 'table')}, {count(int(found.get('rows', 0)), 'row')},"
        f" {size(int(found.get('bytes', 0)))} read"
    )
    differences = len(found.get("differences", ()))
    came = f"{count(differences, 'difference')}" if differences else "no difference"
    parts = [f"{read}: {came}"]
    if found.get("changing", ()):
        parts.append(f"{count(len(found.get('changing', ())), 'table')} written to meanwhile")
    if found.get("not_read", ()):
        parts.append(f"{len(found.get('not_read', ())):,} not read")
    return ", ".join(parts)


def checked(report: Report) -> str:
    """How the checks went."""
    by = [str(check.get("severity")) for check in report.checks]
    parts = [f"{by.count('fine'):,} passed"]
    parts += [count(by.count("warn"), "warning")] if "warn" in by else []
    parts += [f"{by.count('stop'):,} in the way"] if "stop" in by else []
    return ", ".join(parts)


def loaded(found: Mapping[str, Any]) -> str:
    """What load that was under way had seen by the end."""
    parts = []
    if found.get("acknowledged") is not None:
        parts.append(f"{count(int(found.get('acknowledged', 0)), 'write')} acknowledged so far")
    parts.append(f"{count(int(found.get('failed', 0)), 'request')} failed so far")
    if found.get("acknowledged") is not None:
        parts.append("compared with the database at the end of the load")
    return ", ".join(parts)


def _of_a_host(command: str, host: str, app: str) -> str:
    match command:
        case "host drain":
            return f"{app} does without {host}"
        case "host add":
            return f"{host} is back in {app}"
        case "host replace":
            return f"{host} of {app} was built anew"
    return f"tenfold {command} of what was begun on {host} is done"


def _the(report: Report) -> str:
    if report.host is not None:
        return f"tenfold {report.command} {report.host}"
    if report.command in ("complete", "abort"):
        return f"tenfold {report.command}"
    start, end = report.home, report.goal
    if report.command == "reverse":
        start, end = end, start
    return f"The move from stage {start} to stage {end}"


def _stage(position: str) -> str:
    return position.partition("+")[0]
