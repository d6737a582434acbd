"""The migration: run before a release serves, as the owner of the schema."""

import os

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
    db.execute("create table if not exists notes (id bigserial primary key, text text not null)")
