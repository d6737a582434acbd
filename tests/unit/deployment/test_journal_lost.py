"""A folder with a database and without its journal: nothing is begun beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.deployment.deployment import Deployment
from tenfold.deployment.journal import require_not_lost
from tenfold.errors import JournalError, Refused
from tenfold.state.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def has_database(layout: Layout) -> Path:
    cluster = layout.state / "hosts" / "db1" / "data" / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("18\n")
    return cluster


def test_with_a_database_nothing_is_opened_that_would_make_another_one(layout: Layout) -> None:
    cluster = has_database(layout)
    for begin in (Deployment.open, Deployment.existing):
        with pytest.raises(JournalError, match="is gone") as lost:
            begin(layout)
        assert lost.value.detail == str(cluster)
        assert not layout.exists()


def test_without_one_it_was_never_brought_up(layout: Layout) -> None:
    require_not_lost(layout)
    with pytest.raises(Refused, match="never brought up"):
        Deployment.existing(layout)


def test_beside_its_journal_a_database_is_what_there_should_be(layout: Layout) -> None:
    layout.create()
    Deployment.open(layout).journal.close()
    has_database(layout)
    require_not_lost(layout)
