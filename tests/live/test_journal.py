"""A deployment whose journal is in etcd: its commands, and what they say when that is away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support import apps, etcd
from tests.support.project import Project

from tenfold.deployment.journal import open_journal
from tenfold.state.layout import Layout
from tenfold.transitions.journal import Place

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.few(0)]


Make = Callable[[Path], Project]


@pytest.fixture
def cluster() -> Iterator[etcd.Cluster]:
    with etcd.running(1) as made:
        yield made


def last(project: Project) -> tuple[str, str | None]:
    with closing(open_journal(Layout(project.path))) as journal:
        record = journal.last()
        assert record is not None
        return record.kind, record.outcome


def test_commands_go_on_in_etcd_and_tell_what_they_can_without_it(
    bring: Callable[[Make], Project], cluster: etcd.Cluster
) -> None:
    project = bring(apps.notes)
    project.up()
    with closing(open_journal(Layout(project.path))) as journal:
        journal.move(Place(cluster.urls, "/tenfold/notes/journal"))
    assert cluster.urls[0] in project.ok("journal")
    before = project.status()
    assert "journal" not in before

    # Every command finds the journal where it is.
    source = project.path / "notes.py"
    source.write_text(source.read_text().replace('"one"', '"two"'))
    project.ok("deploy")
    assert last(project) == ("deploy", "done")
    release = project.status()["release"]
    assert release != before["release"]

    # Without etcd the site goes on, status tells what it can, and nothing is begun.
    cluster.members[0].kill()
    assert project.get("/").status == 200
    away = project.status()
    assert (away["release"], away["state"], away["stage"]) == (release, "running", "10")
    assert away["journal"]["answers"] is False
    refused = project.tenfold("deploy")
    assert refused.returncode == 1
    assert "did not answer" in refused.stdout + refused.stderr
    assert "writes go where they went" in refused.stdout + refused.stderr
    assert project.get("/").status == 200

    # Its data are gone: the copy becomes the journal.
    cluster.members[0].wipe()
    cluster.start()
    told = json.loads(project.ok("journal", "--json").splitlines()[-1])
    assert "lost" in told["problem"]
    assert project.tenfold("journal", "restore").returncode == 1, "nobody agreed"
    project.ok("journal", "restore", "--yes")
    project.ok("rollback")
    assert last(project) == ("rollback", "done")

    # It can always be stopped.
    cluster.members[0].kill()
    project.ok("down")
    assert project.status()["state"] == "stopped"

    # Whose etcd is kept elsewhere has to bring it up; no member is looked for here in vain.
    refused = project.tenfold("up", "-d")
    assert refused.returncode == 1
    assert "did not answer" in refused.stdout + refused.stderr
    cluster.start()
    project.ok("up", "-d")
    assert project.get("/").status == 200
