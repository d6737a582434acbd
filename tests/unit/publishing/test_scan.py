"""A folder is read as a whole, or refused with everything that is wrong in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tenfold.errors import Refused, UsageError
from tenfold.publishing.scan import content_of, scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dist"
    (made / "a").mkdir(parents=True)
    (made / "index.html").write_bytes(b"hello")
    (made / "a" / "x.png").write_bytes(b"")
    return made


def test_digests_are_those_of_the_place(folder: Path) -> None:
    found = scan(folder, "sha256").manifest
    assert found["index.html"] == hashlib.sha256(b"hello").hexdigest()
    assert scan(folder, "sha1").manifest["index.html"] == hashlib.sha1(b"hello").hexdigest()
    git = subprocess.run(
        ["git", "hash-object", folder / "index.html"], capture_output=True, text=True, check=True
    )
    assert scan(folder, "git").manifest["index.html"] == git.stdout.strip()
    assert set(found) == {"index.html", "a/x.png"}


def test_what_the_place_needs_is_added_unless_it_is_there(folder: Path) -> None:
    extra = {"CNAME": b"a\n", "index.html": b"never"}
    found = scan(folder, "sha256", extra=extra)
    assert content_of("CNAME", found.files["CNAME"], "sha256") == b"a\n"
    assert content_of("index.html", found.files["index.html"], "sha256") == b"hello"


def test_everything_that_is_wrong_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to("../secret")
    (folder / "nowhere").symlink_to("gone")
    (folder / "round").symlink_to("round")
    (folder / "linked").symlink_to("a")
    os.mkfifo(folder / "pipe")
    (folder / "two\nlines").write_text("x")
    (folder / ".env").write_text("PASSWORD=1")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    with pytest.raises(Refused) as caught:
        scan(folder, "sha256")
    for words in (
        "out: is a link that leads out of the folder",
        "up: is a link that leads out of the folder",
        "nowhere: is a link that leads nowhere",
        "round: is a link that leads nowhere",
        "linked: is a link to a folder",
        "pipe: is no ordinary file",
        "two\\nlines: its name has a control character",
        ".env: is no part of a site",
        ".git: is no part of a site",
    ):
        assert words in caught.value.what
    assert "config" not in caught.value.what


def test_a_link_within_the_folder_is_the_file_that_it_leads_to(folder: Path) -> None:
    (folder / "home.html").symlink_to("index.html")
    found = scan(folder, "sha256")
    assert found.manifest["home.html"] == found.manifest["index.html"]


def test_a_link_to_what_is_private_is_refused(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "key.txt").symlink_to("sub/x.pem")
    (folder / "sub" / "x.pem").write_text("secret")
    with pytest.raises(Refused, match="is a link to what is no part of a site"):
        scan(folder, "sha256")


def test_a_name_that_is_not_utf_8(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/b\xff")).write_text("x")
    with pytest.raises(Refused, match="not UTF-8"):
        scan(folder, "sha256")


def test_folders_in_folders_without_end(folder: Path) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("a-folder", dir_fd=here)
        below = os.open("a-folder", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    with pytest.raises(Refused, match="its path has more than 800 bytes"):
        scan(folder, "sha256")
    subprocess.run(["rm", "-rf", folder], check=True)


def test_nothing_to_publish(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        scan(tmp_path / "none", "sha256")
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    (tmp_path / "empty" / ".DS_Store").write_text("x")
    with pytest.raises(Refused, match="is empty"):
        scan(tmp_path / "empty", "sha256", extra={"CNAME": b"a"})
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="there is no folder"):
        scan(tmp_path / "file", "sha256")


def test_a_project_is_no_site(tmp_path: Path) -> None:
    (tmp_path / "tenfold.toml").write_text("")
    (tmp_path / "index.html").write_text("")
    with pytest.raises(Refused, match=r"tenfold\.toml: is no part of a site"):
        scan(tmp_path, "sha256")


def test_a_file_that_a_link_replaced_meanwhile_is_not_followed(
    folder: Path, tmp_path: Path
) -> None:
    found = scan(folder, "sha256")
    (tmp_path / "secret").write_bytes(b"hello")
    (folder / "index.html").unlink()
    (folder / "index.html").symlink_to(tmp_path / "secret")
    with pytest.raises(Refused, match="changed while it was being published"):
        content_of("index.html", found.files["index.html"], "sha256")
