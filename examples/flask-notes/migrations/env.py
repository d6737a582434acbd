"""What ``flask db`` runs: the app's own engine and tables, in one transaction."""

from logging.config import fileConfig

from alembic import context
from flask import current_app

fileConfig(context.config.config_file_name, disable_existing_loggers=False)
migrate = current_app.extensions["migrate"]


def run() -> None:
    """Bring the database up (or down), or print the SQL that would."""
    if context.is_offline_mode():
        context.configure(
            url=migrate.db.engine.url,
            target_metadata=migrate.db.metadata,
            literal_binds=True,
            **migrate.configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        return
    with migrate.db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=migrate.db.metadata,
            **migrate.configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
