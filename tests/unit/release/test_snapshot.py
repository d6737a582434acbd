from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tenfold.release.snapshot import script

OLD, NEW = b"/home/u/shop/.venv", b"/srv/state/envs/ab12"


def test_a_script_names_its_new_place() -> None:
    raw = b"#!/home/u/shop/.venv/bin/python3 -E\nprint('x')\n"
    assert script(raw, [OLD], NEW) == b"#!/srv/state/envs/ab12/bin/python3 -E\nprint('x')\n"


def test_a_script_that_a_shell_starts() -> None:
    raw = b"#!/bin/sh\n'''exec' \"/home/u/shop/.venv/bin/python\" \"$0\" \"$@\"\n' '''\nprint(1)\n"
    assert script(raw, [OLD], NEW) == raw.replace(OLD, NEW)


def test_a_place_by_two_names_and_one_that_only_begins_alike() -> None:
    raw = (
        b"#!/real/venv/bin/python\nVENV='/home/u/shop/.venv'\nOTHER=/real/venv-tools /real/venv.2\n"
    )
    assert script(raw, [OLD, b"/real/venv"], NEW) == (
        b"#!/srv/state/envs/ab12/bin/python\nVENV='/srv/state/envs/ab12'\n"
        b"OTHER=/real/venv-tools /real/venv.2\n"
    )


def test_programs_and_other_scripts_stay_as_they_are() -> None:
    assert script(b"\x7fELF\0" + OLD, [OLD], NEW) is None
    assert script(b"#!/bin/sh\necho\n", [OLD], NEW) is None


@pytest.mark.parametrize("place", ["a" * 150, "with space"])
def test_a_place_that_the_kernel_cannot_read_is_started_by_a_shell(
    tmp_path: Path, place: str
) -> None:
    python = tmp_path / place / "bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/usr/bin/env")
    python.unlink()
    python.write_text('#!/bin/sh\necho "python runs $1 $2"\n')
    python.chmod(0o755)
    made = script(b"#!/old/bin/python\nprint(1)\n", [b"/old"], bytes(tmp_path / place))
    assert made is not None
    tool = tmp_path / "tool"
    tool.write_bytes(made)
    tool.chmod(0o755)
    said = subprocess.run([tool, "argument"], capture_output=True, text=True, check=True).stdout
    assert said == f"python runs {tool} argument\n"
