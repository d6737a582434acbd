from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.errors import Refused
from tenfold.secret import Secret
from tenfold.state import secrets


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = secrets.ensure(path, ["main.app", "main.owner"])
    again = secrets.ensure(path, ["main.app", "main.replication"])
    assert again["main.app"] == first["main.app"]
    assert set(again) == {"main.app", "main.owner", "main.replication"}
    assert len({s.reveal() for s in again.values()}) == 3


def test_the_file_is_for_its_owner_alone_and_an_open_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    secrets.ensure(path, ["main.app"])
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(Refused, match="can be read by others"):
        secrets.load(path)


def test_a_broken_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.touch(mode=0o600)
    path.write_text("{half")
    with pytest.raises(Refused, match="cannot be read"):
        secrets.ensure(path, ["main.app"])
    assert path.read_text() == "{half"


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {secret!s} {[secret]} { ({'k': secret}) }"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("hunter3")
