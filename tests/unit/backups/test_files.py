"""User files as a stream, and back."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from tenfold.backups.files import tar_stream, unpack


def there(root: Path) -> dict[str, bytes | str]:
    return {
        str(p.relative_to(root)): os.readlink(p) if p.is_symlink() else p.read_bytes()
        for p in root.rglob("*")
        if p.is_symlink() or p.is_file()
    }


def test_what_goes_in_comes_back(tmp_path: Path) -> None:
    kept, back = tmp_path / "storage", tmp_path / "back"
    (kept / "media/deep").mkdir(parents=True)
    (kept / "other").mkdir()
    (kept / "media/a.txt").write_bytes(b"a" * 100_000)
    os.link(kept / "media/a.txt", kept / "media/same.txt")
    (kept / "media/deep/ü.bin").write_bytes(b"")
    (kept / "media/link").symlink_to("a.txt")
    (kept / "other/left.txt").write_bytes(b"not asked for")
    back.mkdir()
    with tar_stream(str(kept), ["media"]) as stream:
        assert unpack(stream, back) == ()
    wanted = {k: v for k, v in there(kept).items() if k.startswith("media")}
    assert there(back) == wanted
    assert os.access(back / "media/deep", os.W_OK)


def test_a_link_that_leads_out_is_left_out_and_told(tmp_path: Path) -> None:
    kept, back = tmp_path / "storage", tmp_path / "back"
    (kept / "media").mkdir(parents=True)
    (kept / "media/out").symlink_to("/etc/passwd")
    (kept / "media/a.txt").write_bytes(b"a")
    back.mkdir()
    with tar_stream(str(kept), ["media"]) as stream:
        assert unpack(stream, back) == ("media/out",)
    assert there(back) == {"media/a.txt": b"a"}


def test_a_directory_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    with tar_stream(str(tmp_path), ["media"]) as stream:
        assert unpack(stream, tmp_path / "back") == ()


def test_what_the_writer_fails_with_is_raised_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media/a.txt").write_bytes(b"a")

    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(tarfile.TarFile, "addfile", fails)
    with (
        pytest.raises(OSError, match="Input/output"),
        tar_stream(str(tmp_path), ["media"]) as stream,
    ):
        stream.read()
