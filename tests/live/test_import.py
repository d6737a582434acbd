"""Apps that ran on SQLite go on with Tenfold: the same people, sessions and rows."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.support import apps, examples, on_sqlite
from tests.support.brought import packages
from tests.support.imports import sqlite_file
from tests.support.postgres import ADDRESS, find, running
from tests.support.project import Project
from tests.support.visitor import Visitor

from tenfold.engines.postgresql import external
from tenfold.secret import Secret

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


@pytest.fixture(autouse=True)
def fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that another test has fetched are not fetched again."""
    for variable, value in packages().items():
        monkeypatch.setenv(variable, value)


def going_on(visitor: Visitor, project: Project) -> Visitor:
    """The same browser, with its cookies, at the site's new place."""
    visitor.site = visitor.origin = f"http://127.0.0.1:{project.port}"
    return visitor


def rows_of(file: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def psql(project: Project, query: str) -> list[str]:
    return project.ok("psql", "--", "-Atc", query).splitlines()


def test_a_django_site_with_its_people_sessions_and_votes(bring: Bring) -> None:
    project = bring(examples.polls)
    on_sqlite.give(project, "polls", "python", "manage.py", "migrate", "--noinput")
    on_sqlite.give(project, "polls", "python", "manage.py", "loaddata", "first_polls")
    on_sqlite.give(project, "polls", "python", "manage.py", "collectstatic", "--noinput")
    on_sqlite.give(
        project, "polls", "python", "manage.py", "createsuperuser", "--noinput",
        "--username", "ada", "--email", "ada@bakery.example",
        DJANGO_SUPERUSER_PASSWORD="a pot of ink",
    )  # fmt: skip
    with on_sqlite.served(project, "polls", "config.wsgi", "/") as before:
        ada, ben = Visitor(before), Visitor(before)
        login = "/admin/login/?next=/admin/"
        assert "Log out" in ada.submit(login, username="ada", password="a pot of ink").text
        choice = re.search(r'name="choice" value="(\d+)"', ben.get("/1/").text)
        assert choice
        assert "your vote is counted" in ben.submit("/1/", choice=choice[1]).text
    file = on_sqlite.django_file(project)
    polls = rows_of(file, "SELECT id, question FROM polls_poll ORDER BY id")

    on_sqlite.bring_up(project)
    assert examples.count(project, "polls_poll") == 0
    planned = project.ok("db", "import", "db.sqlite3", "--dry-run")
    assert re.search(r"polls_vote +1 row", planned)
    assert re.search(r"django_content_type +\d+ rows +3 columns, in place of \d+ rows", planned)
    assert "not copied: django_migrations   the app's own stays" in planned
    assert examples.count(project, "polls_poll") == 0
    said = project.ok("db", "import", "db.sqlite3")
    assert "the same on both sides" in said

    assert psql(project, "SELECT id || '|' || question FROM polls_poll ORDER BY id") == [
        f"{number}|{question}" for number, question in polls
    ]
    assert "Log out" in going_on(ada, project).get("/admin/").text  # by the session that she had
    assert "ada@bakery.example" in ada.get("/admin/auth/user/").text
    again = Visitor(project)
    assert "Log out" in again.submit(login, username="ada", password="a pot of ink").text
    going_on(ben, project)
    assert "your vote is counted" not in ben.get("/1/").text
    other = Visitor(project)
    assert "your vote is counted" in other.submit("/2/", choice=_first_choice(other, "/2/")).text
    assert examples.count(project, "polls_vote") == 2
    project.ok("run", "python", "manage.py", "check", "--database", "default")
    refused = project.tenfold("db", "import", "db.sqlite3")
    assert refused.returncode == 1
    assert "polls_poll has 4 rows already" in refused.stderr
    assert "nothing: the app's database is as it was" in refused.stderr
    assert examples.count(project, "polls_vote") == 2
    entries = [json.loads(line) for line in project.ok("audit", "--json").splitlines()]
    imports = [e for e in entries if "db import" in json.dumps(e)]
    assert imports


def _first_choice(visitor: Visitor, page: str) -> str:
    found = re.search(r'name="choice" value="(\d+)"', visitor.get(page).text)
    assert found
    return found[1]


def test_a_flask_site_at_stage_100(bring: Bring) -> None:
    project = bring(examples.flask_notes)
    on_sqlite.give(project, "flask-notes", "flask", "--app", "notes", "db", "upgrade")
    with on_sqlite.served(project, "flask-notes", "notes:create_app()", "/healthz") as before:
        ada = Visitor(before)
        assert (
            "Good to see you" in ada.submit("/register", name="ada", password="a pot of ink").text
        )
        for number in range(3):
            assert "Written." in ada.submit("/new", title=f"Note {number}", body="größer\t'").text
    on_sqlite.bring_up(project)
    project.ok("grow", "--to", "100", timeout=200)
    lines = project.ok("db", "import", "--json", str(on_sqlite.flask_file(project))).splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0]["event"] == "plan"
    assert {t["table"]: t["rows"] for t in events[0]["tables"]} == {"notes": 3, "people": 1}
    assert events[-1] == {"version": 1, "event": "imported", "tables": 2, "rows": 4}
    page = going_on(ada, project).get("/").text
    assert all(f"Note {number}" in page for number in range(3))
    assert "Written." in ada.submit("/new", title="Note 3", body="here").text
    ben = Visitor(project)
    assert "Good to see you" in ben.submit("/register", name="ben", password="a pot of ink").text
    assert psql(project, "SELECT max(id) FROM people") == ["2"]
    assert psql(project, "SELECT body FROM notes WHERE id = 1") == ["größer\t'"]


def test_what_has_no_tables_to_go_to_is_told_before_anything(bring: Bring) -> None:
    project = bring(_bare)
    with sqlite3.connect(project.path / "a.db") as connection:
        connection.execute("CREATE TABLE a (id)")
    not_up = project.tenfold("db", "import", "a.db")
    assert not_up.returncode == 1
    assert "was never brought up" in not_up.stderr
    project.up()
    refused = project.tenfold("db", "import", "a.db")
    assert refused.returncode == 1
    assert "has no tables yet, and rows go into the tables that the app makes" in refused.stderr
    assert "[release] migrate" in refused.stderr


def test_slips_are_told(bring: Bring) -> None:
    project = bring(apps.ledger)
    project.up()
    (project.path / "notes.txt").write_text("bread\n")
    for arguments, code, said in [
        ((), 2, "name what to import"),
        (("none.db",), 1, "none.db cannot be read: No such file"),
        (("notes.txt",), 1, "notes.txt begins like no dump"),
        (("mysql://a@b/c",), 2, "mysql is no database that can be imported from"),
        (("postgresql://a:hunter22@127.0.0.1/b",), 2, "a password on the command line is seen"),
        (("--from-env", "NOT_SET_HERE"), 2, "NOT_SET_HERE is not set here"),
        (("notes.txt", "--timezone", "Bakery"), 2, 'there is no time zone "Bakery"'),
        (("postgresql://a@127.0.0.1:1/b",), 1, "the source 127.0.0.1:1/b cannot be reached"),
    ]:
        refused = project.tenfold("db", "import", *arguments)
        assert refused.returncode == code, (arguments, refused.stderr)
        assert said in refused.stderr
        assert "hunter22" not in refused.stderr
    assert "hunter22" not in (project.path / ".tenfold/audit.jsonl").read_text()


def test_one_site_s_database_into_another_s_by_url_and_by_dump(bring: Bring) -> None:
    """And its password is in no argument list while that goes on."""
    old, new = bring(apps.ledger), bring(_another)
    old.up()
    for text in ("one", "two", "größer\t\\N"):
        assert old.request("POST", "/lines", body=text.encode()).status == 201
    new.up()
    url = old.ok("run", "--as", "app", "sh", "-c", "echo $DATABASE_URL").strip()
    password = url.partition("://")[2].partition(":")[2].partition("@")[0]
    refused = new.tenfold("db", "import", "--from-env", "OLD", env={"OLD": url})
    assert refused.returncode == 1
    assert "migrated has 1 row already" in refused.stderr
    taking = ("db", "import", "--from-env", "OLD", "--skip", "migrated", "--json")
    done = new.tenfold(*taking, env={"OLD": url})
    assert done.returncode == 0, done.stderr
    assert password not in done.stdout + done.stderr
    assert new.get("/lines").json() == ["one", "two", "größer\t\\N"]
    assert new.request("POST", "/lines", body=b"three").status == 201
    told = (new.path / ".tenfold/audit.jsonl").read_text()
    assert password not in told

    dump = old.path / "lines.dump"
    _pg_dump(old, url, dump)
    third = bring(_third)
    third.up()
    assert "1 table" in third.ok("db", "import", str(dump), "--skip", "migrated")
    assert third.get("/lines").json() == ["one", "two", "größer\t\\N"]
    assert third.request("POST", "/lines", body=b"three").status == 201
    refused = third.tenfold("db", "import", str(dump), "--whole")
    assert refused.returncode == 1
    assert "lines has 4 rows already" in refused.stderr
    giving_up = ("--replace", "lines", "--replace", "migrated")
    third.ok("db", "import", str(dump), "--whole", *giving_up)
    third.ok("deploy")
    assert third.get("/lines").json() == ["one", "two", "größer\t\\N"]
    assert third.request("POST", "/lines", body=b"three").status == 201


def test_a_database_of_one_s_own_takes_rows_and_gives_all_of_it(
    bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as server:
        who = server.login("app")
        password = quote(who.password.reveal(), safe="")
        url = f"postgresql://{who.user}:{password}@{ADDRESS}:{who.port}/{who.database}"
        monkeypatch.setenv("SHOP_DATABASE", url)
        project = bring(_own)
        project.up()
        file = sqlite_file(
            project.path / "lines.db",
            "CREATE TABLE lines (id INTEGER PRIMARY KEY, text)",
            "INSERT INTO lines VALUES (5, 'brought'), (6, 'along')",
        )
        said = project.ok("db", "import", str(file))
        assert f"-> your database {ADDRESS}:{who.port}/shop" in said
        assert project.get("/lines").json() == ["brought", "along"]
        with server.connect("app") as connection:
            connection.execute("CREATE VIEW upper AS SELECT upper(text) FROM lines")
            connection.execute("CREATE EXTENSION citext")
        other = bring(apps.ledger)
        other.up()
        taking = ("db", "import", "--from-env", "SHOP_DATABASE", "--whole", "--replace", "migrated")
        command = other.start(*taking)
        said, _ = command.communicate(timeout=120)
        assert command.returncode == 0, said
        assert "2 tables imported, the same on both sides" in said
        assert who.password.reveal() not in said
        other.ok("deploy")
        assert other.get("/lines").json() == ["brought", "along"]
        assert other.request("POST", "/lines", body=b"next").status == 201
        assert psql(other, "SELECT max(id) FROM lines") == ["7"]
        assert psql(other, "SELECT * FROM upper LIMIT 1") == ["BROUGHT"]
        assert psql(other, "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
                           " WHERE relname IN ('lines', 'upper')") == ["tenfold_owner"]  # fmt: skip


def _own(path: Path) -> Project:
    project = apps.ledger(path)
    spec = path / "tenfold.toml"
    spec.write_text(spec.read_text() + '\n[database]\nurl = "${SHOP_DATABASE}"\n')
    return project


def _another(path: Path) -> Project:
    return apps.ledger(path)


def _bare(path: Path) -> Project:
    project = apps.ledger(path)
    project.write("migrate.py", "")
    return project


def _third(path: Path) -> Project:
    return apps.ledger(path)


def _pg_dump(project: Project, url: str, file: Path) -> None:
    program = find().bin_dir / "pg_dump"
    subprocess.run(
        [program, "--format=custom", f"--file={file}"],
        check=True,
        env={"PATH": os.environ["PATH"], **_libpq(url)},
    )


def _libpq(url: str) -> dict[str, str]:
    """A URL as variables, so that no argument has its password."""
    address = external.parse(Secret(url))
    assert address.password is not None
    return {
        "PGHOST": address.host,
        "PGPORT": address.port,
        "PGUSER": address.user,
        "PGDATABASE": address.database,
        "PGPASSWORD": address.password.reveal(),
    }
