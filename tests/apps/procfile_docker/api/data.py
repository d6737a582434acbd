import os

from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine

engine = create_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1),
    pool_pre_ping=True,
)
metadata = MetaData()
notes = Table(
    "notes", metadata, Column("id", Integer, primary_key=True), Column("text", Text, nullable=False)
)
