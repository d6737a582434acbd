"""Logs of the edge and the app are joined by the request's id, in order, over all hosts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project
from tests.support.venvs import FASTAPI, environment

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
Bring = Callable[[Any], Project]
WITHIN_SECONDS = 10.0

TALK = '''
    """A WSGI app that says things."""

    import logging
    import os
    import sys

    logging.basicConfig(format="%(levelname)s %(message)s")


    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/boom":
            logging.warning("about to fail")
            raise KeyError("burnt")
        if path == "/secret":
            print("I have", os.environ["DATABASE_URL"])
        if path == "/much":
            for number in range(11):
                print(number, "x" * (1 << 20))
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]
'''


def talking(path: Path) -> Project:
    project = apps.ledger(path)
    project.write("ledger.py", TALK)
    return project


def entries(project: Project, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in project.ok("logs", "--json", *arguments).splitlines()]


def until_said(project: Project, count: int, *arguments: str) -> list[dict[str, Any]]:
    """What the logs have, once they have that much: the edge writes once a second."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while len(found := entries(project, *arguments)) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def asked(project: Project, path: str, request: str) -> int:
    answer = project.request("GET", path, headers={"X-Request-ID": request})
    assert answer.headers["x-request-id"] == request
    return answer.status


def test_one_request_is_followed_from_the_edge_into_the_app(running: Project) -> None:
    assert asked(running, "/boom", "request-of-asgi-1") == 500
    edge, app = until_said(running, 2, "--request", "request-of-asgi-1")
    assert (edge["unit"], edge["request"]["status"], edge["request"]["path"]) == (
        "edge",
        500,
        "/boom",
    )
    assert app["unit"].startswith("app.")
    assert app["id"] == "request-of-asgi-1"
    assert app["line"].splitlines()[-1] == "RuntimeError: boom"
    assert "Traceback (most recent call last):" in app["line"]
    said = running.ok("logs", "--request", "request-of-asgi-1")
    assert said.index("GET /boom 500") < said.index("RuntimeError: boom")


def test_what_others_print_at_the_same_time_is_not_of_this_request(bring: Bring) -> None:
    project = bring(talking)
    project.up()
    for number in range(6):
        assert asked(project, "/boom", f"request-of-wsgi-{number}") == 500
    until_said(project, 1, "edge", "--request", "request-of-wsgi-3")
    edge, *app = until_said(project, 3, "--request", "request-of-wsgi-3")
    assert edge["unit"] == "edge"
    told = "\n".join(entry["line"] for entry in app)
    assert told.count("about to fail") == 1
    assert told.count("KeyError: 'burnt'") == 1


def test_a_secret_that_the_app_prints_is_not_shown(bring: Bring) -> None:
    project = bring(talking)
    project.up()
    asked(project, "/secret", "request-of-secret")
    _, app = until_said(project, 2, "--request", "request-of-secret")
    kept = json.loads((project.path / ".tenfold/secrets.json").read_text())
    said = project.ok("logs") + project.ok("logs", "--json") + app["line"]
    assert "I have" in said
    assert not any(secret in said for secret in kept.values())


def test_since_until_and_a_pattern_select_lines(running: Project) -> None:
    asked(running, "/?first", "request-of-first-1")
    until_said(running, 1, "edge", "--request", "request-of-first-1")
    found = entries(running, "--since", "1m", "--grep", "request-of-(first|second)")
    assert [entry["id"] for entry in found] == ["request-of-first-1"]
    assert entries(running, "--until", "1h", "edge") == []
    assert entries(running, "--since", "1m", "--until", "1h") == []
    assert {entry["unit"] for entry in entries(running, "--unit", "edge", "-n", "3")} == {"edge"}
    assert [entry["host"] for entry in entries(running, "--host", "vm1", "-n", "1", "edge")] == [
        "vm1"
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--grep", "(?=x)"), "is no pattern"),
        (("--grep", "(a"), "is no pattern"),
        (("--grep", "x" * 2000), "more than 1000 characters"),
        (("--since", "yesterday"), "is no moment"),
        (("--host", "nowhere"), "there is no host nowhere"),
        (("-f", "--until", "1m"), "leave one of them out"),
    ],
)
def test_what_makes_no_sense_is_refused(
    running: Project, arguments: tuple[str, ...], words: str
) -> None:
    done = running.tenfold("logs", *arguments)
    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.parametrize("follow", [(), ("-f",)])
def test_a_misspelt_unit_is_named_and_not_waited_for(
    running: Project, follow: tuple[str, ...]
) -> None:
    done = running.tenfold("logs", *follow, "app", "egde", timeout=60)
    assert done.returncode == 1
    assert 'there is no unit egde; did you mean "edge"?' in done.stderr
    assert done.stdout == ""


def test_a_hostile_pattern_does_not_hang(bring: Bring) -> None:
    project = bring(talking)
    project.up()
    asked(project, "/much", "request-of-much-1")
    log = next((project.path / ".tenfold/hosts/vm1/logs").glob("app.*.log"))
    deadline = time.monotonic() + WITHIN_SECONDS
    while not log.with_name(f"{log.name}.1").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    began = time.monotonic()
    assert entries(project, "app", "--grep", "(x+x+)+y") == []
    assert entries(project, "app", "--grep", "((((x{1,30}){1,30})*)*)$", "--until", "1h") == []
    assert time.monotonic() - began < 20
    # The first of them lie in the file that was turned over.
    found = entries(project, "app", "--grep", "^0 x+", "--since", "5m")
    assert len(found) == 1
    assert found[0]["id"] == "request-of-much-1"


def test_following_shows_only_what_is_wanted(running: Project) -> None:
    watching = running.start("logs", "-f", "-n", "0", "--grep", "followed", "--json")
    try:
        deadline = time.monotonic() + WITHIN_SECONDS
        for number in range(100):
            asked(running, "/notes", f"not-wanted-{number}")
            asked(running, "/notes", f"request-followed-{number}")
            time.sleep(0.05)
            if time.monotonic() > deadline - 5:
                break
        assert watching.stdout
        line = json.loads(watching.stdout.readline())
        assert line["unit"] == "edge"
        assert line["id"].startswith("request-followed-")
    finally:
        watching.terminate()
        watching.wait(10)
        watching.stdout.close()


def test_both_hosts_are_told_as_one_in_the_order_of_time(bring: Bring) -> None:
    project = bring(apps.diary)
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port))
    asked(project, "/boom", "request-of-both-1")
    until_said(project, 2, "--request", "request-of-both-1")
    found = [e for e in entries(project, "-n", "500") if e["time"]]
    assert {e["host"] for e in found} == {"app1", "db1"}
    assert [e["time"] for e in found] == sorted(e["time"] for e in found)
    only = entries(project, "--host", "db1", "--since", "10m")
    assert {e["host"] for e in only} == {"db1"}
    assert any("ready to accept connections" in e["line"] for e in only)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("server", ["hypercorn", "granian"])
def test_other_servers_tell_which_request_it_was_as_well(bring: Bring, server: str) -> None:
    project = bring(apps.notes)
    (project.path / ".venv").unlink()
    packages = (*FASTAPI, "hypercorn==0.*", "granian==2.*")
    (project.path / ".venv").symlink_to(environment("many-servers", packages))
    source = project.path / "notes.py"
    said = '    print("out of paper")\n    raise RuntimeError("boom")'
    source.write_text(source.read_text().replace('    raise RuntimeError("boom")', said))
    spec = project.path / "tenfold.toml"
    spec.write_text(spec.read_text().replace("[server]\n", f'[server]\nkind = "{server}"\n'))
    project.up()
    assert asked(project, "/boom", "request-of-others-1") == 500
    until_said(project, 1, "edge", "--request", "request-of-others-1")
    edge, *app = until_said(project, 2, "--request", "request-of-others-1")
    assert edge["unit"] == "edge"
    assert "out of paper" in [entry["line"] for entry in app]
