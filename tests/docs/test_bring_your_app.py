"""The commands of the page on bringing an app, given on one that was brought."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.shell import Run, Shell, acts
from tests.support.brought import APP, packages
from tests.support.project import Project

PAGE = Path(__file__).resolve().parents[2] / "docs/howto/bring-your-app.md"

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


@pytest.fixture
def project() -> Iterator[Project]:
    home = Path(tempfile.mkdtemp(prefix="tenfold-brought-"))
    home.chmod(0o755)
    found = APP["plain_asgi"](home / "service")
    try:
        yield found
    finally:
        found.close()
        shutil.rmtree(home)


def test_the_page_s_commands(project: Project) -> None:
    programs = project.path.parent / "bin"
    programs.mkdir()
    tenfold = programs / "tenfold"
    tenfold.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tenfold "$@"\n')
    tenfold.chmod(0o755)
    environ = {**os.environ, **packages(), "PATH": f"{programs}:{os.environ['PATH']}"}
    shell = Shell(project.path, environ)
    done = [act.command for act in acts(PAGE.read_text("utf-8")) if isinstance(act, Run)]
    assert done == ["tenfold init", "tenfold plan", "tenfold up -d"]
    try:
        said = {}
        for command in done:
            code, said[command] = shell.run(
                command.replace("up -d", f"up -d --port {project.port}")
            )
            assert code == (2 if command == "tenfold plan" else 0), said[command]
    finally:
        shell.close()
    assert "Tenfold adds uvicorn" in said["tenfold init"]
    assert "an environment of the 1 package of requirements.txt" in said["tenfold plan"]
    assert project.get("/").json() == {"version": "1"}
