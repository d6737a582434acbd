"""Comparing a ledger that is on disk with the place that its plan names."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tenfold.errors import UsageError
from tenfold.load.client import At
from tenfold.load.comparison import Comparison, compare
from tenfold.load.lookup import ids_at_endpoint, ids_in_database
from tenfold.load.plan import EndpointSource, LedgerSource
from tenfold.load.record import read_ledger
from tenfold.secret import Secret


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
    if source is None:
        raise UsageError(
            "[load.ledger] does not say where the writes must be found",
            next="name a table and a column, a query (sql) or an endpoint there",
        )
    record = read_ledger(ledger)
    if isinstance(source, EndpointSource):
        if base_url is None:
            raise UsageError("the ledger's endpoint needs the site's URL")
        found = await ids_at_endpoint(
            base_url, source, record.run_id, allow_remote=allow_remote, at=at
        )
    else:
        if dsn is None:
            raise UsageError("comparing the ledger through SQL needs the database's address")
        found = await asyncio.to_thread(ids_in_database, dsn, source, record.run_id)
    return compare(record, found)
