"""Writes a row and reads it back, through the driver and the pool that DRIVER names. WSGI.

``/NAME`` writes NAME; the answer is NAME, or status 500 with what the driver said.
"""

import os
import threading

URL = os.environ["DATABASE_URL"]
DRIVER = os.environ["DRIVER"]
INSERT = "INSERT INTO work (name) VALUES (%s) RETURNING name"


def plain():
    import psycopg

    def write(name):
        with psycopg.connect(URL) as connection:
            return connection.execute(INSERT, [name]).fetchone()[0]

    return write


def one_per_thread():
    """What no pool knows of."""
    import psycopg

    own = threading.local()

    def write(name):
        if not hasattr(own, "connection") or own.connection.closed:
            own.connection = psycopg.connect(URL, autocommit=True)
        return own.connection.execute(INSERT, [name]).fetchone()[0]

    return write


def psycopg_pool():
    from psycopg_pool import ConnectionPool

    pool = ConnectionPool(URL, min_size=4, open=True)

    def write(name):
        with pool.connection() as connection:
            return connection.execute(INSERT, [name]).fetchone()[0]

    return write


def psycopg2_pool():
    from psycopg2.pool import ThreadedConnectionPool

    pool = ThreadedConnectionPool(4, 20, URL)

    def write(name):
        connection = pool.getconn()
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(INSERT, [name])
                return cursor.fetchone()[0]
        finally:
            pool.putconn(connection)

    return write


def sqlalchemy(dialect, **options):
    import sqlalchemy as sa

    address = URL.replace("postgresql:", f"postgresql+{dialect}:")
    engine = sa.create_engine(address, pool_size=4, **options)
    insert = sa.text("INSERT INTO work (name) VALUES (:name) RETURNING name")

    def write(name):
        with engine.begin() as connection:
            return connection.execute(insert, {"name": name}).scalar()

    return write


write = {
    "plain": plain,
    "one-per-thread": one_per_thread,
    "psycopg_pool": psycopg_pool,
    "psycopg2-pool": psycopg2_pool,
    "sqlalchemy-psycopg": lambda: sqlalchemy("psycopg"),
    "sqlalchemy-psycopg2": lambda: sqlalchemy("psycopg2"),
    "sqlalchemy-pinging": lambda: sqlalchemy("psycopg", pool_pre_ping=True),
}[DRIVER]()


def app(environ, start_response):
    if environ["PATH_INFO"] == "/":
        start_response("204 No Content", [])
        return []
    try:
        status, said = "200 OK", write(environ["PATH_INFO"][1:])
    except Exception as error:
        status, said = "500 Internal Server Error", f"{type(error).__name__}: {error}"
    body = said.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
