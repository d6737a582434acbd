"""The files of reports: ``.tenfold/reports/2026-11-25-153012-grow-100.json`` and ``.html``.

A report is written once and never changed; of many the newest are kept.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tenfold.errors import UsageError
from tenfold.observe.report.model import Report, from_json

KEPT = 100
LAST: Final = "last"
_NAME: Final = re.compile(r"\d{4}-\d\d-\d\d-\d{6}-[a-z]+-[0-9a-z]+(-[a-z]+)*(-\d+)?")


@dataclass(frozen=True, slots=True)
class Filed:
    """A report that was written: its name, and where its page lies."""

    name: str
    page: Path


def save(folder: Path, report: Report, page: Callable[[Report], str], *, kept: int = KEPT) -> Filed:
    """Write a report and its page, under a name that is free; then only ``kept`` are left.

    Raises:
        OSError: the disk does not take them.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    data = json.dumps(report.to_json(), indent=1).encode()
    html = page(report).encode("utf-8", "replace")
    for name in _names(report):
        # What makes a report one is its data: it comes last, and the page never without it.
        if not (folder / f"{name}.json").exists() and _write(folder / f"{name}.html", html):
            _write(folder / f"{name}.json", data)
            break
    for old in set(names(folder)[kept:]) - {name}:
        for suffix in (".json", ".html"):
            (folder / f"{old}{suffix}").unlink(missing_ok=True)
    return Filed(name, folder / f"{name}.html")


def names(folder: Path) -> tuple[str, ...]:
    """The names of all reports, the newest first."""
    found = (path.stem for path in folder.glob("*.json"))
    return tuple(sorted((name for name in found if _NAME.fullmatch(name)), key=_age, reverse=True))


def load(folder: Path, name: str) -> tuple[str, Report]:
    """The report of this name, or the ``last`` one; with its name.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    known = names(folder)
    found = known[0] if name == LAST and known else name.removesuffix(".html")
    found = found.removesuffix(".json")
    if found not in known:
        what = "there is no report yet" if not known else f"there is no report {name!r}"
        raise UsageError(what, next="tenfold report    lists them")
    try:
        return found, from_json(json.loads((folder / f"{found}.json").read_bytes()))
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(f"the report {found} cannot be read: {error}") from error


def page_of(folder: Path, name: str) -> Path:
    """Where the page of a report lies."""
    return folder / f"{name}.html"


def _names(report: Report) -> Iterator[str]:
    """The name by local time and by what was done, then the same with numbers."""
    moment = datetime.fromtimestamp(report.began).strftime("%Y-%m-%d-%H%M%S")
    command = report.command.removeprefix("host ")
    name = f"{moment}-{command}-{_towards(report)}"
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))


def _towards(report: Report) -> str:
    """The stage that the command led to, or was to lead to; or the host that it was about."""
    if report.drill is not None:
        return re.sub(r"[^a-z]+", "-", str(report.drill.get("name", "")).lower()).strip("-")
    if report.host is not None:
        return report.host
    if report.command in ("grow", "shrink", "resume"):
        return report.goal
    return report.after.partition("+")[0]


def _age(name: str) -> tuple[str, int]:
    """Numbers behind a name count as numbers."""
    moment, number = name[:17], re.search(r"-[a-z]+-[0-9a-z]+(?:-[a-z]+)*-(\d+)$", name)
    return moment, int(number[1]) if number else 1


def _write(path: Path, data: bytes) -> bool:
    """Make a whole file appear, readable by its owner alone; ``False`` if there is one already."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".report-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
            return True
        return False
    finally:
        Path(temporary).unlink()
