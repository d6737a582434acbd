"""``tenfold logs``: what the units say."""

from __future__ import annotations

import collections
import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime

import click
from rich.text import Text

from tenfold.agent.masking import without
from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.cli.past import at
from tenfold.deployment import applied as applied_facts
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused, UsageError, did_you_mean
from tenfold.observe import log_query
from tenfold.observe.log_query import Query
from tenfold.secret import Secret
from tenfold.state import app_secrets, secrets
from tenfold.state.layout import Layout
from tenfold.targets.local.entries import Entry, UnitLog, merged
from tenfold.targets.local.follow import pool_of

COLOURS = ("cyan", "green", "magenta", "yellow", "blue")
LINES = 50
LOOK_EVERY_SECONDS = 0.1
LONGEST_PATTERN = 1000
PATTERN_MEMORY_BYTES = 8 << 20


@command("logs")
@click.argument("units", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0), help="Lines per unit; 50, or all that fit.")
@click.option("--since", metavar="TIME", help='Not before: "10m" ago, "14:30", "2026-11-26 14:30".')
@click.option("--until", metavar="TIME", help="Not after.")
@click.option("--grep", metavar="PATTERN", help="Only what has this regular expression (RE2).")
@click.option("--request", metavar="ID", help="Only this request, at the edge and in the app.")
@click.option("--unit", "named", multiple=True, metavar="UNIT", help="As a name behind logs.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Only units of this host.")
def logs(
    settings: Settings,
    units: tuple[str, ...],
    follow: bool,
    lines: int | None,
    since: str | None,
    until: str | None,
    grep: str | None,
    request: str | None,
    named: tuple[str, ...],
    hosts: tuple[str, ...],
) -> None:
    """What the units of all hosts say, in the order of time.

    The last lines of each, or all that were written between two moments, have a pattern or belong
    to one request. Rotated files are looked through, too. What a request printed is found by the
    id that its answer carries as X-Request-ID.

    \b
    tenfold logs
    tenfold logs -f app edge
    tenfold logs --since 10m --grep 'timeout|refused'
    tenfold logs --request 5f0c2a17d1d0b8f4
    tenfold logs --since 02:00 --until 02:15 --host db1 --json
    """
    if follow and until:
        raise UsageError("--follow goes on, --until ends", next="leave one of them out")
    deployment = Deployment.existing(settings.layout(), stale=True)
    now = datetime.now().astimezone()
    query = Query(
        since=at(since, now) if since else None,
        until=at(until, now) if until else None,
        request=request,
        pattern=_pattern(grep) if grep else None,
    )
    wanted = _Wanted(deployment, (*units, *named), hosts, query)
    require_units((*units, *named), wanted.units())
    count = lines if lines is not None or query.selects else LINES
    show = _Show(settings.output, _masker(deployment.layout), wanted.called)
    shown = show.all(wanted.now(count))
    if follow:
        show.all(wanted.coming())
    elif not shown and (units or named) and not query.selects:
        raise Refused(
            f"{' and '.join((*units, *named))} said nothing so far",
            next="tenfold status    tells whether it runs",
        )


def require_units(names: Sequence[str], known: Collection[str]) -> None:
    """See that all names are those of units or pools: a misspelt one would be followed for ever.

    Raises:
        Refused: one is not.
    """
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    all_there_are = " ".join(sorted({pool_of(name) or name for name in known}))
    raise Refused(
        f"there is no unit {' and no unit '.join(unknown)}{did_you_mean(unknown[0], known)}",
        next=f"tenfold logs {all_there_are}    names all that there are"
        if known
        else "tenfold status    tells what runs",
    )


def _pattern(text: str) -> log_query.Pattern:
    """RE2, whose patterns take time in proportion to what they look through, whoever wrote them."""
    import re2  # no other command needs it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES
    try:
        if len(text) > LONGEST_PATTERN:
            raise UsageError(f"the pattern has more than {LONGEST_PATTERN} characters")
        found: log_query.Pattern = re2.compile(text, options)
    except re2.error as error:
        raise UsageError(
            f"{text!r} is no pattern: {_words(error)}",
            next="the syntax is that of RE2: no look-ahead, no back references; (?i) ignores case",
        ) from error
    return found


def _words(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)


def _masker(layout: Layout) -> Callable[[str], str]:
    """An app may print what it was given: what is known to be secret is not shown."""
    own = {name: kept.value for name, kept in app_secrets.load(layout.app_secrets).items()}
    known: dict[str, str | Secret] = {**secrets.load(layout.secrets), **own}
    return lambda text: without(text, known)


class _Wanted:
    """The logs of the chosen hosts and units, old and new generations."""

    def __init__(
        self, deployment: Deployment, names: tuple[str, ...], hosts: tuple[str, ...], query: Query
    ) -> None:
        self._deployment, self._target = deployment, deployment.target
        self._names, self._query = names, query
        there = self._target.hosts()
        for host in hosts:
            if host not in there:
                raise UsageError(
                    f"there is no host {host}", next=f"there are {', '.join(there) or 'none'}"
                )
        self._hosts = hosts or there
        self._logs: dict[tuple[str, str], UnitLog] = {}

    def units(self) -> set[str]:
        """The names of these hosts' units and pools: of those that have a log, also from earlier,
        and of those that are meant to be there and have said nothing."""
        logs = (unit for host in self._hosts for unit in self._target.unit_logs(host, ()))
        known = {name for unit in logs for name in (unit, pool_of(unit)) if name}
        applied = applied_facts.from_json(self._deployment.facts().get(applied_facts.FACT))
        meant = (path.partition("/") for path in (applied.expected if applied else ()))
        return known | {name for host, _, name in meant if host in self._hosts}

    def now(self, count: int | None) -> Iterator[Entry]:
        """What there is: the last ``count`` of each unit, or all."""
        query = self._query
        self._logs = self._found(old=query.selects)
        each = [self._of(log, count) for log in self._logs.values()]
        together = merged(each)
        if query.request is not None:
            return iter(log_query.of_one_request(together))
        return together

    def coming(self) -> Iterator[Entry]:
        """What comes, until the iterator is closed; of new generations, too."""
        self._logs = {**self._found(old=True), **self._logs}
        while True:
            self._logs = {**self._found(old=True), **self._logs}
            fresh = itertools.chain.from_iterable(log.new() for log in self._logs.values())
            entries = sorted(filter(self._query.wants, fresh), key=lambda entry: entry.key)
            yield from entries
            if not entries:
                time.sleep(LOOK_EVERY_SECONDS)

    def called(self, entry: Entry) -> str:
        """The unit; with its host where others have one of that name, or of that pool."""
        pool = _pool_of(entry.unit)
        hosts = {host for host, unit in self._logs if _pool_of(unit) == pool}
        return f"{entry.host}/{entry.unit}" if len(hosts) > 1 else entry.unit

    def _of(self, log: UnitLog, count: int | None) -> Iterator[Entry]:
        if not self._query.selects:
            return log.last(count or 0)
        entries = filter(self._query.wants, log.all(self._query.since))
        return entries if count is None else iter(collections.deque(entries, maxlen=count))

    def _found(self, *, old: bool) -> dict[tuple[str, str], UnitLog]:
        may_have = self._query.may_have if self._query.request else None
        return {
            (host, unit): log
            for host in self._hosts
            for unit, log in self._target.unit_logs(host, self._names, may_have, old=old).items()
        }


def _pool_of(unit: str) -> str:
    """``app`` of ``app.2.1``; a unit of no pool is one by itself."""
    return unit.partition(".")[0]


class _Show:
    """Lines as a person or a program reads them."""

    def __init__(
        self, output: Output, masked: Callable[[str], str], called: Callable[[Entry], str]
    ) -> None:
        self._output, self._masked, self._called = output, masked, called
        self._width = 0
        self._colours: dict[str, str] = {}

    def all(self, entries: Iterable[Entry]) -> int:
        """Print what comes; gives how many there were."""
        count = 0
        for entry in entries:
            if self._output.closed:
                break
            count += 1
            if self._output.json:
                self._output.object(log_query.to_json(entry, self._masked))
            else:
                self._line(entry)
        return count

    def _line(self, entry: Entry) -> None:
        unit = self._called(entry)
        self._width = max(self._width, len(unit))
        colour = self._colours.setdefault(unit, COLOURS[len(self._colours) % len(COLOURS)])
        head = Text(f"{log_query.clock(entry)} ", style="dim") + Text(
            unit.ljust(self._width), style=colour
        )
        for part in self._masked(log_query.shown(entry)).split("\n"):
            self._output.line(head + Text(f"  {part}"))
            head = Text(" " * (13 + self._width))
