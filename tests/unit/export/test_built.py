"""The folder that a generator wrote: taken as a whole, or refused with what is wrong in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.errors import ExportError, Refused
from tenfold.export import built, folder
from tenfold.export.built import Built, Output
from tenfold.export.findings import Report
from tenfold.export.folder import UNTOUCHED

PAGE = '<link rel="canonical" href="https://example.org/"><a href="/a/">a</a>'


class Quiet:
    def doing(self, text: str) -> None: ...

    def done(self, text: str, seconds: float) -> None: ...


@pytest.fixture
def output(tmp_path: Path) -> Output:
    site = tmp_path / "public"
    (site / "a").mkdir(parents=True)
    (site / "index.html").write_text(PAGE)
    (site / "a/index.html").write_text("<h1>a</h1>")
    (site / "style.css").write_text("a {}")
    return Output(tmp_path, "public", "make site", UNTOUCHED)


def look(output: Output, *, since_ns: int = 0, earlier: tuple[str, ...] = ()) -> Built:
    return built.look(output, since_ns=since_ns, earlier=earlier)


def take(output: Output, url: str | None = None) -> Report:
    place = output.project / "dist"
    with folder.draft(place) as draft:
        report = built.take(look(output), draft, Quiet(), url=url, domain=None)
        folder.settle(draft, place)
    return report


def changed_ns(path: Path) -> int:
    return path.lstat().st_ctime_ns


def written_anew(path: Path, output: Output) -> int:
    """Have a file be newer than all else; gives when that was."""
    before = max(changed_ns(other) for other in output.project.rglob("*"))
    while changed_ns(path) <= before:  # the clock of the file system goes by ticks
        os.utime(path)
    return changed_ns(path)


def test_everything_is_copied_and_counted(output: Output) -> None:
    (output.folder / "b.css").symlink_to("style.css")
    (output.folder / ".nojekyll").touch()
    (output.folder / ".DS_Store").touch()
    report = take(output)
    assert (report.pages, report.others, report.files) == (2, 3, 5)
    assert report.findings == ()
    dist = output.project / "dist"
    copied = {str(p.relative_to(dist)): p.read_bytes() for p in dist.rglob("*") if p.is_file()}
    assert set(copied) == {"index.html", "a/index.html", "style.css", "b.css", ".nojekyll"}
    assert copied["b.css"] == b"a {}"
    assert not (dist / "b.css").is_symlink()
    assert report.bytes == sum(map(len, copied.values()))


def test_left_where_it_is_nothing_is_written(output: Output) -> None:
    before = {path: changed_ns(path) for path in output.project.rglob("*")}
    report = built.take(look(output), None, Quiet(), url=None, domain=None)
    assert (report.files, report.findings) == (3, ())
    assert {path: changed_ns(path) for path in output.project.rglob("*")} == before


@pytest.mark.parametrize(
    ("there", "what"), [(False, "there is no folder html"), (True, "html is empty")]
)
def test_nothing_is_told_with_what_was_written_instead(
    output: Output, there: bool, what: str
) -> None:
    other = output.project / "_site"
    other.mkdir()
    (other / "index.html").touch()
    gone = Output(output.project, "html", "make site", UNTOUCHED)
    if there:
        (output.project / "html").mkdir()
        (output.project / "html/.DS_Store").touch()
    moment = written_anew(other / "index.html", output)
    with pytest.raises(ExportError, match=f"{what}, though") as told:
        look(gone, since_ns=moment)
    assert told.value.next == 'it wrote _site: [static] output = "_site"'
    assert told.value.changed == UNTOUCHED
    with pytest.raises(ExportError, match=what) as told:
        look(gone, since_ns=moment + 1)
    assert "names the folder that build writes" in (told.value.next or "")


def test_all_that_can_be_no_part_of_a_site_is_told_at_once(output: Output) -> None:
    (output.folder / ".git").mkdir()
    (output.folder / ".env").write_text("SECRET=1")
    (output.folder / "out").symlink_to("/etc/passwd")
    (output.folder / "up").symlink_to("../secret")
    (output.project / "secret").touch()
    os.mkfifo(output.folder / "pipe")
    (output.folder / "two\nlines").touch()
    with pytest.raises(ExportError, match="public holds what cannot be part of a site") as told:
        look(output)
    for words in (
        ".git: is no part of a site",
        ".env: is no part of a site",
        "out: is a link that leads out of the folder",
        "up: is a link that leads out of the folder",
        "pipe: is no ordinary file",
        "two\\nlines: its name has a control character",
    ):
        assert words in (told.value.detail or "")


def test_names_that_some_file_systems_take_for_one_clash(output: Output) -> None:
    (output.folder / "A").mkdir()
    (output.folder / "A/index.html").touch()
    with pytest.raises(ExportError, match="cannot be beside") as told:
        look(output)
    assert "Windows and macOS" in (told.value.detail or "")


@pytest.mark.parametrize("kind", ["out", "file"])
def test_a_folder_that_is_elsewhere_or_none_is_refused(
    output: Output, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    wrong = output.project / "html"
    if kind == "out":
        wrong.symlink_to(tmp_path_factory.mktemp("elsewhere"))
    else:
        wrong.write_text("x")
    with pytest.raises(Refused, match=r"leads out of the project|is no folder"):
        look(Output(output.project, "html", "make site", UNTOUCHED))


def test_a_site_without_a_first_page_is_told(output: Output) -> None:
    (output.folder / "index.html").unlink()
    [note] = take(output).findings
    assert (note.kind, note.subject) == ("note", "index.html")


def test_what_a_generator_took_for_sources_is_left_out_and_told(output: Output) -> None:
    (output.folder / "tenfold.toml").write_text('name = "x"')
    (output.folder / "dist").mkdir()
    (output.folder / "dist/index.html").touch()
    (output.folder / "dist/logo.svg").touch()
    site = look(output, earlier=("dist/index.html", "dist/gone.html"))
    assert site.places == {"index.html", "a/index.html", "style.css", "dist/logo.svg"}
    [note] = site.notes
    assert note.subject == "dist, tenfold.toml"
    assert "is left out" in note.text


def test_what_this_build_did_not_write_is_told(output: Output) -> None:
    moment = written_anew(output.folder / "index.html", output)
    [note] = look(output, since_ns=moment).notes
    assert note.subject == "a/index.html"
    assert "are older than this build" in note.text
    [note] = look(output, since_ns=moment + 1).notes
    assert note.text == "is as it was before: build ended well, and wrote nothing there"


def test_pages_that_say_another_address_than_the_file_are_told(output: Output) -> None:
    [note] = [f for f in take(output, "https://you.github.io/shop").findings if f.kind == "note"]
    assert note.subject == "[static] url"
    assert "at https://example.org:" in note.text
    assert take(output, "https://example.org").findings == ()


def test_a_file_that_becomes_another_one_meanwhile_is_not_followed(output: Output) -> None:
    site = look(output)
    (output.folder / "a/index.html").unlink()
    (output.folder / "a").rmdir()
    (output.folder / "a").symlink_to("/etc")
    with pytest.raises(ExportError, match="public cannot be read"):
        built.take(site, None, Quiet(), url=None, domain=None)
    (output.folder / "a").unlink()
    (output.folder / "a").mkdir()
    os.mkfifo(output.folder / "a/index.html")
    with pytest.raises(ExportError, match="no ordinary file any more"):
        built.take(site, None, Quiet(), url=None, domain=None)
