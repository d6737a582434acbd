"""An interpreter that releases only record: what a plan says when it is not what it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tenfold.deployment.releases import ReleaseKeeper
from tenfold.errors import Refused
from tenfold.release.build import build
from tenfold.release.record import FILE_NAME, Release
from tenfold.release.running import Here
from tenfold.release.store import Store
from tenfold.spec.read import parse
from tenfold.state.layout import Layout

from .conftest import SYSTEM_PYTHON

SPEC = parse(f'name = "shop"\napp = "shop.main:app"\npython = "{SYSTEM_PYTHON}"\n')

pytestmark = pytest.mark.skipif(
    not SYSTEM_PYTHON.exists(), reason=f"{sys.executable} may be in a virtual environment"
)


@pytest.fixture
def release(project: Path) -> Release:
    """It serves."""
    layout = Layout(project)
    made = build(SPEC, project, layout.shelf, run=Here())
    Store(layout.shelf).record_served(made.id, 1.0)
    return made


def keeper(project: Path) -> ReleaseKeeper:
    return ReleaseKeeper(Layout(project), SPEC, Here())


def rewrite(release: Release, text: str) -> None:
    record = release.directory / FILE_NAME
    record.chmod(0o600)
    record.write_text(text)


def test_nothing_is_said_while_it_is_what_it_was(project: Path, release: Release) -> None:
    assert not [n for n in keeper(project).candidate().notes if "changed since" in n]
    assert keeper(project).existing(release.id).id == release.id


def test_a_plan_names_what_changed_and_going_back_is_refused(
    project: Path, release: Release
) -> None:
    kept = json.loads((release.directory / FILE_NAME).read_text())
    kept["environment"]["version"] = "3.0.1"
    rewrite(release, json.dumps(kept))
    (said,) = [n for n in keeper(project).candidate().notes if "changed since" in n]
    assert said.startswith(f"{SYSTEM_PYTHON} changed since {release.id} was built: Python 3.0.1 is")
    assert said.endswith(f"so a rollback to {release.id} would be refused")
    with pytest.raises(Refused, match=r"Python 3\.0\.1 is now 3") as refused:
        keeper(project).existing(release.id)
    assert "tenfold deploy" in (refused.value.next or "")


def test_a_damaged_record_of_the_one_that_serves_keeps_nobody_from_planning(
    project: Path, release: Release
) -> None:
    rewrite(release, "{")
    assert keeper(project).candidate().id
