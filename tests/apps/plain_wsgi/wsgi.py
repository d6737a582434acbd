"""A WSGI app without any framework."""

import json
import os

import psycopg

VERSION = "1"

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("select pg_advisory_xact_lock(1)")
    if connection.execute("select to_regclass('notes')").fetchone()[0] is None:
        connection.execute("create table notes (id serial primary key, text text not null)")


def application(environ, start_response):
    route = (environ["REQUEST_METHOD"], environ["PATH_INFO"])
    if route == ("GET", "/"):
        return _answer(start_response, "200 OK", {"version": VERSION})
    if route == ("POST", "/notes"):
        text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("insert into notes (text) values (%s)", [text])
        return _answer(start_response, "201 Created", None)
    if route == ("GET", "/notes"):
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            rows = connection.execute("select text from notes order by id").fetchall()
        return _answer(start_response, "200 OK", [row[0] for row in rows])
    return _answer(start_response, "404 Not Found", None)


def _answer(start_response, status, content):
    body = b"" if content is None else json.dumps(content).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]
