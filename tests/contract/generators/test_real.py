"""The real Hugo, Jekyll, Next.js, Pelican and MkDocs: recognised, built, served, no link broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import generators
from tests.support.project import Project
from tests.support.static_host import broken_links, served

from tenfold.deployment.exporting import Request, export
from tenfold.errors import ExportError
from tenfold.export.findings import Report
from tenfold.spec import write
from tenfold.spec.detect import Found, detect
from tenfold.state.layout import Layout

pytestmark = pytest.mark.timeout(400)


class Quiet:
    def doing(self, text: str) -> None: ...

    def done(self, text: str, seconds: float) -> None: ...


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    for name, value in generators.OFFLINE.items():
        monkeypatch.setenv(name, value)
    made = Project(tmp_path / "bakery")
    made.path.mkdir()
    yield made
    assert made.processes() == []


def init(project: Project) -> Found:
    found = detect(project.path)
    write.write(found)
    return found


def exported(project: Project, *, strict: bool = False) -> Report:
    return export(Layout(project.path), Request(strict=strict), Quiet()).report


def told(report: Report) -> list[tuple[str, str]]:
    return [(found.kind, found.subject) for found in report.findings]


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_hugo_is_recognised_built_and_served_and_what_is_deleted_is_gone(project: Project) -> None:
    generators.hugo(project)
    assert "Hugo" in project.ok("init")
    assert "built: hugo" in project.ok("export", "static", "--strict")
    assert told(exported(project, strict=True)) == []
    with served(project.path / "dist") as host:
        status, text = host.get("/posts/bread/")
        assert (status, "Fresh bread" in text) == (200, True)
        assert broken_links(host, "/") == []
    (project.path / "content/posts/bread.md").unlink()
    exported(project, strict=True)
    before = tree(project.path / "dist")
    assert "posts/cake/index.html" in before
    assert not [name for name in before if "bread" in name]
    project.write("layouts/_default/single.html", "{{ .NoSuchThing }}")
    with pytest.raises(ExportError, match="build exited with") as failed:
        exported(project)
    assert "NoSuchThing" in (failed.value.detail or "")
    assert tree(project.path / "dist") == before


def test_jekyll_is_recognised_built_and_served_and_does_not_take_its_own_site_for_sources(
    project: Project,
) -> None:
    generators.jekyll(project)
    found = init(project)
    assert found.site == ("JEKYLL_ENV=production jekyll build", "_site")
    assert "exclude" in found.notes[0].then
    assert told(exported(project, strict=True)) == [("note", "tenfold.toml")]
    first = tree(project.path / "dist")
    assert "tenfold.toml" not in first
    assert told(exported(project, strict=True)) == [("note", "dist, tenfold.toml")]
    assert tree(project.path / "dist") == first
    with served(project.path / "dist") as host:
        assert "Fresh bread" in host.get("/2026/01/02/bread.html")[1]
        assert broken_links(host, "/") == []


def test_jekyll_below_a_path_is_told_apart_from_links_that_lead_out_of_it(project: Project) -> None:
    generators.jekyll(project)
    config = project.path / "_config.yml"
    config.write_text("title: x\nbaseurl: /shop\nexclude: [tenfold.toml, dist]\n")
    init(project)
    found = exported(project)
    assert {finding.kind for finding in found.findings} == {"broken", "note"}
    assert "link to /shop/..." in found.of("note")[0].text
    file = project.path / "tenfold.toml"
    file.write_text(file.read_text() + 'url = "https://you.github.io/shop"\n')
    assert told(exported(project, strict=True)) == []


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("kind", "page", "words"),
    [("pelican", "/bread.html", "<p>see <a href="), ("mkdocs", "/bread/", '<h1 id="bread">Bread')],
)
def test_generators_of_python_in_the_projects_own_environment(
    project: Project, kind: str, page: str, words: str
) -> None:
    generators.KINDS[kind](project)
    init(project)
    assert [f for f in told(exported(project)) if f[0] == "broken"] == []
    with served(project.path / "dist") as host:
        assert words in host.get(page)[1]


@pytest.mark.sampled(0)
def test_next_is_recognised_built_and_served(project: Project) -> None:
    generators.next_js(project)
    found = init(project)
    assert (found.site, found.notes) == (("npm run build", "out"), ())
    assert told(exported(project, strict=True)) == []
    with served(project.path / "dist") as host:
        assert 'href="/bread/"' in host.get("/")[1]
        status, text = host.get("/bread/")
        assert (status, 'href="/"' in text) == (200, True)
        [script, *_] = re.findall(r'src="(/_next/[^"]+\.js)"', text)
        assert host.get(script)[0] == 200
