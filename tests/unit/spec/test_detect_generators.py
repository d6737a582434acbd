"""Generators are recognised by the files that they ask for; nothing is run."""

from __future__ import annotations

import pytest
from tests.unit.spec.conftest import Make

from tenfold.errors import UsageError
from tenfold.spec import write
from tenfold.spec.detect import Found, detect
from tenfold.spec.read import parse

CONFIG = "const nextConfig = { output: 'export', trailingSlash: true }\nexport default nextConfig\n"
PACKAGE = '{"scripts": {"build": "next build"}, "dependencies": {"next": "^16.1.0"}}'
HUGO = "hugo --minify --cleanDestinationDir"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"


def site(found: Found) -> tuple[str, str]:
    assert found.site is not None
    return found.site


@pytest.mark.parametrize(
    ("files", "build", "output"),
    [
        ({"hugo.toml": "title = 'x'"}, HUGO, "public"),
        ({"hugo.yaml": "publishDir: docs  # for GitHub"}, HUGO, "docs"),
        ({"config.toml": "publishdir = 'html'", "content/a.md": ""}, HUGO, "html"),
        ({"config/_default/hugo.toml": "", "content/a.md": ""}, HUGO, "public"),
        ({"hugo.json": '{\n  "publishDir": "../elsewhere"\n}'}, HUGO, "public"),
        (
            {"_config.yml": "title: x", "Gemfile": "gem 'jekyll'"},
            "JEKYLL_ENV=production bundle exec jekyll build",
            "_site",
        ),
        (
            {"_config.yml": "destination: ./html", "_posts/a.md": ""},
            "JEKYLL_ENV=production jekyll build",
            "html",
        ),
        ({"package.json": PACKAGE, "next.config.mjs": CONFIG}, "npm run build", "out"),
        (
            {
                "package.json": '{"devDependencies": {"next": "15"}}',
                "next.config.ts": CONFIG.replace("trailing", 'distDir: "html", trailing'),
            },
            "next build",
            "html",
        ),
        (
            {"package.json": PACKAGE, "next.config.js": CONFIG, "pnpm-lock.yaml": ""},
            "pnpm run build",
            "out",
        ),
        (
            {"pelicanconf.py": "AUTHOR = 'x'", "content/a.md": ""},
            "pelican content --settings pelicanconf.py --delete-output-directory",
            "output",
        ),
        (
            {
                "pelicanconf.py": "PATH = 'content'\nOUTPUT_PATH = 'x'",
                "publishconf.py": "OUTPUT_PATH = 'html/'",
                "content/a.md": "",
            },
            "pelican --settings publishconf.py --delete-output-directory",
            "html",
        ),
        ({"mkdocs.yml": "site_name: x"}, "mkdocs build", "site"),
        ({"mkdocs.yml": "site_dir: !ENV [SITE, html]"}, "mkdocs build", "site"),
        ({"mkdocs.yaml": 'site_dir: "html"'}, "mkdocs build", "html"),
    ],
)
def test_each_generator_by_its_files(
    make: Make, files: dict[str, str], build: str, output: str
) -> None:
    found = detect(make(files))
    assert site(found) == (build, output)
    assert found.app is None
    assert [item.kind for item in found.items] == ["generator"]
    spec = parse(write.text(found))
    assert (spec.static.build, spec.static.output, spec.static.source) == (build, output, "build")


@pytest.mark.parametrize(
    "files",
    [
        {"_config.yml": "title: a book", "_toc.yml": "root: intro"},
        {"config.toml": "port = 1"},
        {"package.json": '{"dependencies": {"nextra": "1"}}'},
        {"package.json": "{"},
        {"package.json": '{"dependencies": ["next"]}'},
    ],
)
def test_what_only_looks_like_one_is_none(make: Make, files: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="no generator of static sites was recognised"):
        detect(make(files))


def test_next_that_needs_a_server_is_told_what_to_add(make: Make) -> None:
    with pytest.raises(UsageError, match=r"next\.config\.js does not say output: 'export'") as told:
        detect(make({"package.json": PACKAGE, "next.config.js": "// output: 'export'\n"}))
    assert "add to next.config.js:  output: 'export'" in (told.value.next or "")


def test_an_app_wins_and_its_neighbour_goes_into_static(make: Make) -> None:
    root = make({"main.py": FASTAPI, "hugo.toml": ""})
    found = detect(root)
    assert (found.app, site(found)) == ("main:app", (HUGO, "public"))
    spec = parse(write.text(found))
    assert (spec.app, spec.static.build) == ("main:app", HUGO)
    (root / "hugo.toml").unlink()
    (root / "package.json").write_text(PACKAGE)
    server = detect(root)
    assert (server.app, server.site) == ("main:app", None)
    assert any("needs a server" in note.fact for note in server.notes)
    (root / "mkdocs.yml").write_text("")
    assert site(detect(root))[0] == "mkdocs build", (
        "one that makes a site goes before one that does not"
    )


def test_one_of_several_is_taken_and_the_others_are_told(make: Make) -> None:
    found = detect(make({"hugo.toml": "", "mkdocs.yml": ""}))
    assert site(found)[0] == HUGO
    assert [note.fact for note in found.notes] == ["mkdocs.yml is MkDocs's"]


def test_what_would_go_wrong_is_told(make: Make) -> None:
    root = make({"hugo.toml": 'baseURL = "https://example.org/"', "_posts/x": ""})
    (root / "themes/ananke").mkdir(parents=True)
    facts = {note.fact for note in detect(root).notes}
    assert facts == {
        "themes/ananke is empty",
        "baseURL in hugo.toml is https://example.org/",
    }
    (root / "hugo.toml").unlink()
    (root / "themes/ananke").rmdir()
    (root / "themes").rmdir()
    (root / "_config.yml").write_text("exclude: [README.md]\n")
    [note] = detect(root).notes
    assert note.then == "add tenfold.toml and dist to exclude in _config.yml"
    (root / "_config.yml").write_text("# exclude:\n#   - .sass-cache/\n")
    [note] = detect(root).notes
    assert note.then == "add to _config.yml:  exclude: [tenfold.toml, dist]"
    (root / "_config.yml").write_text("exclude: [tenfold.toml, dist]\n")
    assert detect(root).notes == ()


def test_pages_without_their_slash_and_missing_modules_are_told(make: Make) -> None:
    config = "export default { output: `export` }"
    found = detect(
        make({"package.json": PACKAGE, "next.config.mjs": config, "package-lock.json": ""})
    )
    assert [note.then.split(" ")[0] for note in found.notes] == ["npm", "for"]


@pytest.mark.parametrize(
    ("venv", "installed", "build", "notes"),
    [
        (".venv", ("mkdocs-1.6",), "mkdocs build", []),
        ("venv", ("mkdocs-1.6",), "venv/bin/mkdocs build", []),
        (".venv", ("markdown-3",), "mkdocs build", [".venv/bin/pip install mkdocs"]),
    ],
)
def test_programs_of_the_projects_own_environment(
    make: Make, venv: str, installed: tuple[str, ...], build: str, notes: list[str]
) -> None:
    found = detect(make({"mkdocs.yml": ""}, installed, venv))
    assert site(found)[0] == build
    assert [note.then for note in found.notes] == notes
