"""Comparing a ledger that is on disk with the place that its plan names."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tenfold.errors import LoadError, TenfoldError, UsageError
from tenfold.load.client import At
from tenfold.load.comparison import Comparison, compare
from tenfold.load.lookup import ids_at_endpoint, ids_in_database, require_query
from tenfold.load.plan import EndpointSource, LedgerSource, SqlSource, TableSource
from tenfold.load.record import read_ledger
from tenfold.secret import Secret

NAME_A_DATABASE = "--check-dsn-env VARIABLE    names the variable that has it"


def by_sql(source: LedgerSource | None) -> bool:
    """Whether writes are looked for in a database, not at an endpoint."""
    return isinstance(source, TableSource | SqlSource)


async def require_judgeable(
    source: LedgerSource | None, *, dsn: Secret | None, run_id: str
) -> None:
    """See, before a load, that its writes can be looked for afterwards.

    A database is asked whether it would take the query. An endpoint is not asked: what it answers
    about may only be there once the load has begun.

    Raises:
        UsageError, LoadError: as :func:`judge`.
    """
    checked = _named(source)
    if not isinstance(checked, EndpointSource):
        await asyncio.to_thread(require_query, _address(dsn), checked, run_id)


async def judge(
    ledger: Path,
    source: LedgerSource | None,
    *,
    dsn: Secret | None = None,
    base_url: str | None = None,
    allow_remote: bool = False,
    at: At = (),
) -> Comparison:
    """Read the ledger file and look for its writes: in the database at `dsn`, or at an endpoint.

    Works on the ledger of a run that is over, was interrupted or was killed; not on one that is
    still written. A write of unknown outcome may still be applied after this looked. `at` is as for
    :func:`~tenfold.load.run.run_load`.

    Raises:
        UsageError: ``[load.ledger]`` is missing, or the DSN or URL that it needs.
        LoadError: the ledger cannot be read, or the database or endpoint not asked.
        Refused: the endpoint is not of this machine (without `allow_remote`).
    """
    source = _named(source)
    record = read_ledger(ledger)
    if isinstance(source, EndpointSource):
        if base_url is None:
            raise UsageError("the ledger's endpoint needs the site's URL", next="--url URL")
        found = await ids_at_endpoint(
            base_url, source, record.run_id, allow_remote=allow_remote, at=at
        )
    else:
        found = await asyncio.to_thread(ids_in_database, _address(dsn), source, record.run_id)
    return compare(record, found)


def again(error: TenfoldError, ledger: Path, how: str) -> LoadError:
    """The failure of a comparison after a load; `how` is the command or option that repeats it."""
    return LoadError(
        error.what,
        changed=f"the load was made, see its report; its ledger is kept: {ledger}",
        next=f"{error.next}\n{how}    compares again" if error.next else f"{how}    compares again",
        detail=error.detail,
    )


def _named(source: LedgerSource | None) -> LedgerSource:
    if source is None:
        raise UsageError(
            "[load.ledger] does not say where the writes must be found",
            next="name a table and a column, a query (sql) or an endpoint there",
        )
    return source


def _address(dsn: Secret | None) -> Secret:
    if dsn is None:
        raise UsageError(
            "comparing the ledger through SQL needs the database's address", next=NAME_A_DATABASE
        )
    return dsn
