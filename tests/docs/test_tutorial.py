"""The tutorial, carried out: every file written, every command run, every shown line printed."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.shell import Edit, Run, Shell, Write, acts, edited, missing
from tests.support.ports import free_port
from tests.support.project import Project
from tests.support.venvs import environment

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/tutorial/first-app.md"

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


class Reader:
    """Somebody who does what the page says, on a machine where another port is free."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.shell = Shell(ROOT, {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8"})

    @property
    def folder(self) -> Path:
        return Path(self.shell.run("pwd")[1].strip())

    def write(self, act: Write) -> None:
        (self.folder / act.name).write_text(act.text)

    def edit(self, act: Edit) -> None:
        path = self.folder / act.name
        path.write_text(edited(path.read_text(), act))

    def run(self, act: Run) -> None:
        command = self.instead(act.command)
        code, printed = self.shell.run(command.replace(":8000", f":{self.port}"))
        printed = printed.replace(f":{self.port}", ":8000")
        assert code == act.code, f"$ {act.command}\n{printed}"
        lost = missing(act.shown, printed)
        assert not lost, f"$ {act.command}\nnever says {lost}, but:\n{printed}"

    def instead(self, command: str) -> str:
        """The command itself, or what comes to the same without the network, or without curl."""
        if command.startswith("curl ") and shutil.which("curl") is None:
            ours = shlex.join((sys.executable, str(ROOT / "tests/docs/curl.py")))
            return command.replace("curl", ours, 1)
        if command.endswith("pip install --quiet ."):
            program = self.home / "tenfold/bin/tenfold"
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tenfold "$@"\n')
            program.chmod(0o755)
            return ":"
        if "pip install" in command:
            wanted = tuple((self.folder / "requirements.txt").read_text().split())
            return f"rm -r .venv && ln -s {environment('tutorial', wanted)} .venv"
        if command == "tenfold up -d":
            return f"{command} --port {self.port}"
        return command


@pytest.fixture
def reader() -> Iterator[Reader]:
    home = Path(tempfile.mkdtemp(prefix="tenfold-tutorial-"))
    home.chmod(0o755)  # as root, the app runs as somebody else
    found = Reader(home)
    try:
        yield found
    finally:
        found.shell.close()
        Project(home / "guestbook", found.port).close()
        shutil.rmtree(home)


def test_the_tutorial_can_be_carried_out_as_it_is_written(reader: Reader) -> None:
    done = 0
    for act in acts(PAGE.read_text("utf-8")):
        match act:
            case Write():
                reader.write(act)
            case Edit():
                reader.edit(act)
            case Run():
                reader.run(act)
        done += 1
    assert done > 30
