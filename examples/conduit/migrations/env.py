"""How Alembic reaches the database: with the same DATABASE_URL as the app."""

from __future__ import annotations

import os
from logging.config import fileConfig

from alembic import context
from alembic.util import CommandError
from sqlalchemy import create_engine, pool, text

from conduit.settings import SettingsError, database_url
from conduit.tables import metadata

# Any number will do, as long as nothing else in this database takes the same lock.
MIGRATION_LOCK = 4_077_213_985

if context.config.config_file_name:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)


def run_offline() -> None:
    """Write the SQL instead of running it (``alembic upgrade head --sql``)."""
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Migrate in one transaction, one runner at a time.

    A statement that needs a lock which the running app holds gives up after five seconds, and the
    whole migration with it: waiting longer would make every request queue up behind it.
    """
    try:
        engine = create_engine(database_url(os.environ), poolclass=pool.NullPool)
    except SettingsError as error:
        raise CommandError(str(error)) from error
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": MIGRATION_LOCK})
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
