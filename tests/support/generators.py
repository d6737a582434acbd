"""Real generators of static sites, and small sites of theirs. Programs that are not there skip."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.project import Project
from tests.support.venvs import CACHE, environment

NODE = CACHE.parent / "node"
NEXT = {"next": "16.x", "react": "19.x", "react-dom": "19.x"}
PYTHON = ("pelican[markdown]==4.*", "mkdocs==1.6.*")
OFFLINE = {"NEXT_TELEMETRY_DISABLED": "1", "NO_UPDATE_NOTIFIER": "1"}
LAYOUT = """
    <!doctype html>
    <html lang="en">
    <head><meta charset="utf-8"><title>TITLE</title><link rel="stylesheet" href="STYLE"></head>
    <body><nav><a href="HOME">home</a></nav>CONTENT</body>
    </html>
"""


def require(*programs: str) -> None:
    """Skip where a program is not there."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install jekyll hugo nodejs npm")


def hugo(project: Project) -> None:
    """Two posts and a list, as ``hugo new site`` begins one, with templates of its own."""
    require("hugo")
    run("hugo", "new", "site", str(project.path), "--force", cwd=project.path)
    config = next(path for path in project.path.glob("*.toml") if path.name != "tenfold.toml")
    config.write_text('baseURL = "https://example.org/"\ntitle = "Bakery"\n')
    names = {
        "TITLE": "{{ .Title }}",
        "STYLE": '{{ "style.css" | relURL }}',
        "HOME": '{{ "/" | relURL }}',
    }
    shell = filled(LAYOUT, names | {"CONTENT": '{{ block "main" . }}{{ end }}'})
    project.write("layouts/_default/baseof.html", shell)
    listed = (
        '{{ define "main" }}{{ range .RegularPagesRecursive }}'
        '<a href="{{ .RelPermalink }}">{{ .Title }}</a>{{ end }}{{ end }}'
    )
    project.write("layouts/_default/list.html", listed)
    project.write("layouts/index.html", listed)
    project.write("layouts/_default/single.html", '{{ define "main" }}{{ .Content }}{{ end }}')
    project.write("static/style.css", "body { color: black }\n")
    project.write("content/posts/bread.md", post("Bread", 'see [cake]({{< relref "cake.md" >}})'))
    project.write("content/posts/cake.md", post("Cake", "sweet"))


def jekyll(project: Project) -> None:
    """Two posts and a list, as ``jekyll new --blank`` begins one."""
    require("jekyll")
    run("jekyll", "new", "--blank", "--force", str(project.path), cwd=project.path)
    project.write(
        "index.html",
        """
        ---
        layout: default
        title: Bakery
        ---
        {% for post in site.posts %}<a href="{{ post.url | relative_url }}">{{ post.title }}</a>
        {% endfor %}
        """.strip().replace("\n        ", "\n"),
    )
    names = {"TITLE": "{{ page.title }}", "STYLE": '{{ "/assets/css/main.css" | relative_url }}'}
    names |= {"HOME": '{{ "/" | relative_url }}', "CONTENT": "{{ content }}"}
    project.write("_layouts/default.html", filled(LAYOUT, names))
    (project.path / "index.md").unlink()
    link = "see [cake]({% link _posts/2026-01-03-cake.md %})"
    project.write("_posts/2026-01-02-bread.md", post("Bread", link, "layout: default\n"))
    project.write("_posts/2026-01-03-cake.md", post("Cake", "sweet", "layout: default\n"))


def pelican(project: Project) -> None:
    """Two articles in the theme that Pelican comes with."""
    link(project)
    project.write(
        "pelicanconf.py",
        """
        AUTHOR = "Anna"
        SITENAME = "Bakery"
        SITEURL = ""
        PATH = "content"
        TIMEZONE = "UTC"
        DEFAULT_LANG = "en"
        THEME_TEMPLATES_OVERRIDES = ["templates"]
        FEED_ALL_ATOM = None
        """,
    )
    for name, text in (("bread", "see [cake]({filename}cake.md)"), ("cake", "sweet")):
        head = f"Title: {name.title()}\nDate: 2026-01-02\nCategory: food\n\n"
        project.write(f"content/{name}.md", head + text)


def mkdocs(project: Project) -> None:
    """Two pages in the theme that MkDocs comes with."""
    link(project)
    project.write("mkdocs.yml", "site_name: Bakery\nsite_url: https://example.org/shop/\n")
    project.write("docs/index.md", "# Bakery\n\n[bread](bread.md)\n")
    project.write("docs/bread.md", "# Bread\n\n[home](index.md)\n")


def next_js(project: Project) -> None:
    """Two pages of Next.js, whose packages are installed once and kept in ``.cache/node``."""
    require("node", "npm")
    made = node_modules()
    shutil.copytree(made, project.path / "node_modules", copy_function=linked, symlinks=True)
    package = {"private": True, "scripts": {"build": "next build"}, "dependencies": NEXT}
    project.write("package.json", json.dumps(package))
    project.write("next.config.mjs", "export default { output: 'export', trailingSlash: true }\n")
    project.write(
        "app/layout.js",
        """
        export const metadata = { title: "Bakery" }
        export default function Layout({ children }) {
          return <html lang="en"><body>{children}</body></html>
        }
        """,
    )
    imports = 'import Link from "next/link"\n'
    body = "export default function Page() { return <Link href=HREF>TEXT</Link> }\n"
    project.write("app/page.js", imports + body.replace("HREF", '"/bread/"'))
    project.write("app/bread/page.js", imports + body.replace("HREF", '"/"'))


KINDS: dict[str, Callable[[Project], None]] = {
    made.__name__: made for made in (hugo, jekyll, pelican, mkdocs, next_js)
}


def post(title: str, text: str, more: str = "") -> str:
    """A post with its front matter."""
    return f"---\ntitle: {title}\ndate: 2026-01-02\n{more}---\nFresh {title.lower()}: {text}\n"


def filled(text: str, names: dict[str, str]) -> str:
    """A layout with a generator's own words in it."""
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def run(*argv: str, cwd: Path) -> None:
    """A program that must succeed; what it says is shown where it does not."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{argv}: {done.stdout}\n{done.stderr}"


def link(project: Project) -> None:
    """The environment with Pelican and MkDocs, made once and kept in ``.cache/venvs``."""
    (project.path / ".venv").symlink_to(environment("generators", PYTHON))


def node_modules() -> Path:
    """What npm installs for the site of Next.js."""
    package = json.dumps({"private": True, "dependencies": NEXT})
    path = NODE / hashlib.sha256(package.encode()).hexdigest()[:10]
    NODE.mkdir(parents=True, exist_ok=True)
    with (NODE / "next.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / ".ready").exists():
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            (path / "package.json").write_text(package)
            run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", cwd=path)
            (path / ".ready").touch()
    return path / "node_modules"


def linked(source: str, target: str) -> None:
    """A file without a copy of its content, where the file system allows it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
