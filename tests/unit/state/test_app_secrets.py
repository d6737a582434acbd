from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenfold.errors import Refused, UsageError
from tenfold.secret import Secret
from tenfold.state import app_secrets, private
from tenfold.state.app_secrets import Kept, changed, differences, versions


def kept(value: str, version: str = "v1") -> Kept:
    return Kept(Secret(value), "prompt", 1.0, "ada", version)


def test_what_is_saved_is_loaded_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "app-secrets.json"
    assert app_secrets.load(path) == {}
    both = {"A": kept("hunter2"), "B": kept("§ü\n")}
    app_secrets.save(path, both)
    assert app_secrets.load(path) == both
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["app-secrets.json"]
    path.chmod(0o640)
    with pytest.raises(Refused, match="read by others"):
        app_secrets.load(path)


def test_nothing_of_a_damaged_file_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "app-secrets.json"
    path.touch(mode=0o600)
    path.write_text('{"A": {"value": "hunter2", ')
    with pytest.raises(Refused) as refused:
        app_secrets.load(path)
    assert "hunter2" not in f"{refused.value.what} {refused.value.detail}"
    assert refused.value.__cause__ is None


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "app-secrets.json"
    app_secrets.save(path, {"A": kept("one")})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private.os, "fsync", full)
    with pytest.raises(Refused, match="No space left"):
        app_secrets.save(path, {"A": kept("two")})
    assert app_secrets.load(path)["A"].value.reveal() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["app-secrets.json"]


def test_the_version_says_whether_the_value_is_another() -> None:
    before = {"A": kept("x", "v1")}
    assert versions(changed(before, "A", kept("x", "v2"))) == {"A": "v1"}
    assert versions(changed(before, "A", kept("y", "v2"))) == {"A": "v2"}
    assert versions(changed(before, "B", kept("x", "v2"))) == {"A": "v1", "B": "v2"}


def test_differences_are_told_by_name() -> None:
    assert differences(
        {"A": "1", "B": "1", "C": "1"}, {"A": "1", "B": "2", "D": "1", "E": "1"}
    ) == (
        "secrets D, E are new",
        "secret B has another value",
        "secret C is gone",
    )
    assert differences({"A": "1"}, {"A": "1"}) == ()


def test_what_no_variable_can_be_is_refused_without_being_quoted() -> None:
    for value in ("", "hunter2\x00", "hunter2" * 10_000):
        with pytest.raises(UsageError) as refused:
            app_secrets.require_value(value, "A")
        assert "hunter2" not in refused.value.what


def test_too_many_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "app-secrets.json"
    with pytest.raises(UsageError):
        app_secrets.save(path, {f"A{n}": kept("x") for n in range(201)})
    with pytest.raises(UsageError):
        app_secrets.save(path, {f"A{n}": kept("x" * 60_000) for n in range(9)})
    assert not path.exists()


def test_a_copy_is_private_too(tmp_path: Path) -> None:
    private.write_json(tmp_path / "a", {"x": "y"})
    private.copy(tmp_path / "a", tmp_path / "b")
    private.copy(tmp_path / "none", tmp_path / "c")
    assert json.loads((tmp_path / "b").read_text()) == {"x": "y"}
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "c").exists()
