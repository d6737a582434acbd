"""``python -m conduit.seed [--password TEXT]``: fill the database with a demonstration."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime

from sqlalchemy.exc import OperationalError, ProgrammingError

from conduit.database import Database
from conduit.seed.fill import Report, fill
from conduit.settings import Settings, SettingsError

DEMO_PASSWORD = "conduit-demo"


def main() -> int:
    """Fill, and say what was added and how to sign in."""
    parser = argparse.ArgumentParser(prog="python -m conduit.seed", description=__doc__)
    parser.add_argument("--password", default=DEMO_PASSWORD, help="of the demonstration accounts")
    password = parser.parse_args().password
    started = time.perf_counter()
    try:
        report = asyncio.run(_run(password))
    except SettingsError as error:
        return _complain(str(error))
    except OperationalError as error:
        return _complain(f"The database cannot be reached: {error.orig}")
    except ProgrammingError as error:
        return _complain(f"{error.orig}\nIs it migrated? Run: alembic upgrade head")
    seconds = time.perf_counter() - started
    print(
        f"Added {report.people} people, {report.articles} articles, {report.comments} comments"
        f" in {seconds:.1f} s."
    )
    print(f"Sign in as ottiline@conduit.example with the password {password}")
    print("Everybody of the demonstration has that password: not for a site that is public.")
    return 0


async def _run(password: str) -> Report:
    database = Database(Settings.from_env())
    try:
        return await fill(database, password, datetime.now(UTC).replace(microsecond=0))
    finally:
        await database.close()


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
