from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support import apps
from tests.support.project import Project

Make = Callable[[Path], Project]


@pytest.fixture
def workplace() -> Iterator[Path]:
    """A folder that an unprivileged user may reach, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="tenfold-live-", dir=os.environ.get("TMPDIR", "/tmp")))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def bring(workplace: Path) -> Iterator[Callable[[Make], Project]]:
    """Make a project; whatever it starts is gone at the end of the test, or the test fails."""
    with ExitStack() as stack:

        def make(kind: Make) -> Project:
            folder = workplace / kind.__name__
            folder.mkdir()
            project = kind(folder)
            stack.callback(project.close)
            return project

        yield make


@pytest.fixture(scope="module")
def running() -> Iterator[Project]:
    """The notes app, up; for tests that leave it as they found it."""
    folder = Path(tempfile.mkdtemp(prefix="tenfold-live-"))
    folder.chmod(0o755)
    project = apps.notes(folder)
    try:
        project.up()
        yield project
    finally:
        project.close()
        shutil.rmtree(folder, ignore_errors=True)
