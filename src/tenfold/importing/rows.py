"""Carrying a plan out: rows into the tables that the app's migrations made. All, or nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Final

import psycopg

from tenfold.engines.postgresql.login import Connection
from tenfold.errors import Refused, TenfoldError
from tenfold.importing import failures, tally
from tenfold.importing.listener import Listener
from tenfold.importing.model import Contents, Copy, Name, Plan, Schema, Tally
from tenfold.importing.source import Feed, Source
from tenfold.importing.sqlite import Undecodable
from tenfold.importing.target import Target, Unfitting
from tenfold.observe.report.figures import count

A_DAY_SECONDS: Final = 86_400.0


def bring(
    connection: Connection,
    schema: Schema,
    source: Source,
    contents: Contents,
    plan: Plan,
    listener: Listener,
) -> None:
    """Copy every row of the plan, compare both sides, commit.

    Args:
        connection: as the role that owns the tables, in autocommit mode.
        schema: of the app's database, from which the plan was made.
        source: opened, and in one snapshot.
        contents: of it, as the plan has them.
        plan: without problems.
        listener: is told.

    Raises:
        TenfoldError: it failed, and nothing changed; says why.
    """
    try:
        with all_or_nothing(connection):
            _bring(connection, schema, source, contents, plan, listener)
    except (Unfitting, Undecodable):
        raise unfit(source, plan, listener) from None


def unfit(source: Source, plan: Plan, listener: Listener) -> TenfoldError:
    """For values that do not fit, all of which are looked for."""
    lines = source.survey(plan.copies, listener.doing)
    return Refused(
        f"{source.name} has values that the app's database cannot take",
        detail="\n".join(lines),
        changed=failures.UNTOUCHED,
        next="correct them in a copy of the file, then import that one",
    )


@contextmanager
def all_or_nothing(connection: Connection) -> Iterator[None]:
    """One transaction, with texts in the form that is compared.

    Raises:
        TenfoldError: the connection was lost, or the disk is full.
    """
    with connection.within(A_DAY_SECONDS), _clearly():
        for setting in tally.SETTINGS:
            connection.execute(setting.encode())
        connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(psycopg.Error):  # lost: the server does it by itself
                connection.execute("ROLLBACK")
            raise
        try:
            connection.execute("COMMIT")
        except psycopg.OperationalError as error:
            if connection.broken or error.sqlstate is None:
                raise failures.uncertain(error) from error
            raise


@contextmanager
def _clearly() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        general = failures.broken(error)
        if general is not None:
            raise general from error
        raise TenfoldError(
            f"the app's database refused: {error.diag.message_primary}",
            changed=failures.UNTOUCHED,
            detail=error.diag.message_detail or error.diag.context,
        ) from error


def _bring(
    connection: Connection,
    schema: Schema,
    source: Source,
    contents: Contents,
    plan: Plan,
    listener: Listener,
) -> None:
    target = Target(connection, schema, plan.copies)
    listener.doing("waiting for the tables")
    target.take()
    target.prepare()
    took: dict[Name, float] = {}
    wanted: dict[Name, Tally] = {}
    with closing(source.feeds(plan.copies)) as feeds:
        for feed in feeds:
            name, since = feed.copy.target.name, time.monotonic()
            _fill(target, feed, listener)
            wanted[name] = feed.tally()
            took[name] = took.get(name, 0.0) + time.monotonic() - since
    for copy in plan.copies:  # of a dump a table may have come in several parts
        name, since = copy.target.name, time.monotonic()
        _compare(target, source, contents, copy, wanted.get(name, Tally(0)), listener)
        listener.copied(copy, took.get(name, 0.0) + time.monotonic() - since)
    since = time.monotonic()
    listener.doing("checking foreign keys")
    try:
        target.finish(_last_values(schema, contents, plan))
    except failures.Dangling as dangling:
        raise failures.dangling(dangling.lines) from None
    keys = count(len(target.foreign_keys), "foreign key")
    listener.done(f"{keys} checked, sequences set", time.monotonic() - since)


def _fill(target: Target, feed: Feed, listener: Listener) -> None:
    copy = feed.copy
    try:
        target.fill(feed, lambda rows: listener.rows(copy, rows))
    except failures.Failed as failed:
        raise failures.refused(failed, feed.where) from failed.error


def _compare(
    target: Target,
    source: Source,
    contents: Contents,
    copy: Copy,
    wanted: Tally,
    listener: Listener,
) -> None:
    listener.doing(f"comparing {copy.target.name}")
    found = target.tally(copy, contents.flavour)
    if found != wanted:
        raise _different(target, source, contents, copy, wanted, found)


def _different(
    target: Target, source: Source, contents: Contents, copy: Copy, wanted: Tally, found: Tally
) -> TenfoldError:
    if found.rows != wanted.rows:
        what = f"{wanted.rows:,} rows there, {found.rows:,} here"
        return failures.different(str(copy.target.name), what)
    columns, told = [], Tally(0)
    for pair in copy.pairs:
        one = replace(copy, pairs=(pair,))
        for feed in source.feeds([one]):
            for _ in feed.blocks():
                pass
            told = feed.tally()
        if told != target.tally(one, contents.flavour):
            columns.append(f"{pair.target.name} ({pair.target.type.text})")
    return failures.different(
        str(copy.target.name), f"{', '.join(columns) or 'a column'} would have other values"
    )


def _last_values(schema: Schema, contents: Contents, plan: Plan) -> dict[Name, int]:
    """What each sequence gave last in the source: of its own, or of the table's rows."""
    found = dict(contents.last_values)
    copies = {copy.target.name: copy for copy in plan.copies}
    for sequence in schema.sequences:
        copy = copies.get(sequence.table)
        column = copy.target.column(sequence.column) if copy else None
        if copy and column and column.key and copy.source.last_value is not None:
            found[sequence.name] = copy.source.last_value
    return found
