"""The examples as a newcomer meets them: ``init``, ``up``, nothing edited; then with users."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import examples
from tests.support.brought import packages
from tests.support.project import Project
from tests.support.visitor import Visitor, Visitors, served_by_the_edge

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


@pytest.fixture(autouse=True)
def fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that another test has fetched are not fetched again."""
    for variable, value in packages().items():
        monkeypatch.setenv(variable, value)


def test_polls_goes_from_init_to_100_untouched_while_people_vote(bring: Bring) -> None:
    project = bring(examples.polls)
    said = examples.bring_up(project)
    assert "Django" in said
    assert "media/ at /media" in said
    project.ok("run", "python", "manage.py", "loaddata", "first_polls")
    page = Visitor(project).get("/1/").text
    choice = re.search(r'name="choice" value="(\d+)"', page)
    assert choice
    style = re.search(r'href="(/static/polls/polls\.\w+\.css)"', page)
    assert style
    assert served_by_the_edge(Visitor(project).get(style[1]))

    voted = []

    def vote() -> None:
        answer = Visitor(project).submit("/1/", choice=choice[1])
        assert "your vote is counted" in answer.text, answer
        voted.append(choice[1])

    def read() -> None:
        assert Visitor(project).get("/").text.count("<article") == 4
        assert Visitor(project).get(style[1]).status == 200

    with Visitors(vote, vote, read) as visitors:
        examples.raise_version(project, "polls")
        project.ok("deploy")
        project.ok("grow", "--to", "100", timeout=200)
        assert project.status()["stage"] == "100"
        project.ok("run", "python", "manage.py", "check", "--database", "default")
    assert visitors.failures == []
    assert examples.count(project, "polls_vote") == len(voted)


def test_flask_notes_goes_from_init_to_100_untouched_while_people_write(bring: Bring) -> None:
    project = bring(examples.flask_notes)
    said = examples.bring_up(project)
    assert "Flask-Migrate" in said
    assert "needs SECRET_KEY" in said
    assert served_by_the_edge(Visitor(project).get("/static/notes.css"))

    written = []

    def keeps_a_notebook(name: str) -> Callable[[], None]:
        owner = Visitor(project)
        assert (
            "Good to see you" in owner.submit("/register", name=name, password="a pot of ink").text
        )

        def write() -> None:
            answer = owner.submit("/new", title=f"Note {len(written)}", body="Flour, water, salt")
            assert "Written." in answer.text, answer
            written.append(name)

        return write

    with Visitors(keeps_a_notebook("ada"), keeps_a_notebook("ben")) as visitors:
        examples.raise_version(project, "notes")
        project.ok("deploy")
        project.ok("grow", "--to", "100", timeout=200)
        assert project.status()["stage"] == "100"
    assert visitors.failures == []
    assert examples.count(project, "notes") == len(written)
