"""``tenfold export static`` as a user gives it: real apps in their own environments, no port."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support import apps, examples
from tests.support.project import Project
from tests.support.static_host import broken_links, served
from tests.support.venvs import environment

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
Bring = Callable[[Any], Project]

SITE = '''
    """A site of a few pages, and whatever can be wrong with one."""

    import os
    import time

    print("imported")
    PAGES = {
        "/": '<link rel=stylesheet href="/static/app.css?v=1"><a href="/about">a</a>'
             '<a href="/blog/1">b</a>',
        "/about/": '<a href="/">home</a>',
        "/blog/1": '<a href="/blog/2">2</a><img src="/dot.svg">',
        "/blog/2": "two",
        "/secret": os.environ.get("SITE_SECRET", "none"),
        "/database": os.environ.get("DATABASE_URL", "no database"),
        "/clock": "CLOCK",
        "/About/": "another",
        "/404.html": "<h1>Nothing here</h1>",
    }


    def app(environ, start_response):
        path = environ["PATH_INFO"]
        kind, status, more, body = "text/html; charset=utf-8", "200 OK", [], PAGES.get(path)
        if path == "/about":
            status, more, body = "301 Moved", [("Location", "/about/")], ""
        elif path == "/old":
            status, more, body = "301 Moved", [("Location", "/about/")], ""
        elif path in ("/round", "/about-turn"):
            other = {"/round": "/about-turn", "/about-turn": "/round"}[path]
            status, more, body = "302 Found", [("Location", other)], ""
        elif path == "/dot.svg":
            kind, body = "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>"
        elif path == "/feed":
            kind, body = "application/rss+xml", "<rss/>"
        elif path == "/cookie":
            more, body = [("Set-Cookie", "sid=1")], ""
        elif path == "/member":
            status, more, body = "302 Found", [("Location", "/login?next=/member")], ""
        elif path == "/endless":
            body = ""
        elif path == "/raises":
            raise RuntimeError("the shelf is empty")
        elif path == "/waits":
            open(os.environ["SITE_MARK"], "w").close()
            time.sleep(300)
        elif path == "/where":
            names = ("wsgi.url_scheme", "HTTP_HOST", "SCRIPT_NAME")
            body = "{}://{}{}".format(*(environ[name] for name in names))
        if body == "CLOCK":
            body = str(time.time())
        if body is None:
            status, body = "404 Not Found", ""
        start_response(status, [("Content-Type", kind), *more])
        return iter(lambda: b"x" * 1000, None) if path == "/endless" else [body.encode()]
'''
TOML = """
    name = "site"
    app = "site_app:app"

    [static]
    assets = { "/static" = "static" }
    pages = PAGES
    page_timeout = "2s"
    max_page_size = "1MB"
"""


def site(path: Path) -> Project:
    """A WSGI app without a framework, in an environment that is there already."""
    project = Project(path)
    project.write("site_app.py", SITE)
    project.write("static/app.css", "body { color: black }\n")
    (path / ".venv").symlink_to(environment("small", ("itsdangerous",)))
    say(project, '["/", "/blog/*", "/old"]')
    return project


def say(project: Project, pages: str, more: str = "") -> None:
    project.write("tenfold.toml", TOML.replace("PAGES", pages))
    with (project.path / "tenfold.toml").open("a") as file:
        file.write(more)


def tree(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def exported(project: Project, *arguments: str) -> dict[str, Any]:
    """The last line of ``--json``."""
    found = json.loads(project.ok("export", "static", "--json", *arguments).splitlines()[-1])
    assert found["event"] == "exported"
    return dict(found)


def test_a_site_is_written_whole_and_again_and_nothing_runs_afterwards(bring: Bring) -> None:
    project = bring(site)
    said = exported(project)
    dist = project.path / "dist"
    written = tree(dist)
    assert set(written) == {
        "index.html", "about/index.html", "blog/1/index.html", "blog/2/index.html", "dot.svg",
        "static/app.css", "old/index.html", "_redirects", "404.html",
    }  # fmt: skip
    assert b"/old /about/ 301" in written["_redirects"]
    assert b'url=/about/"' in written["old/index.html"]
    assert (said["pages"], said["assets"], said["redirects"]) == (4, 1, 1)
    assert [f for f in said["findings"] if f["kind"] != "note"] == []
    assert project.processes() == []
    assert exported(project)["release"] == said["release"], "what it wrote is no part of a release"
    assert tree(dist) == written
    (dist / "CNAME").write_text("example.org")
    refused = project.tenfold("export", "static")
    assert refused.returncode == 1
    assert "CNAME" in refused.stderr
    assert set(tree(dist)) == {*written, "CNAME"}
    project.ok("export", "static", "--replace", "--once")
    assert tree(dist) == written


def test_what_is_found_is_told_and_strict_lets_none_of_it_pass(bring: Bring) -> None:
    project = bring(site)
    exported(project, "--once")
    before = tree(project.path / "dist")
    say(project, '["/", "/clock", "/feed"]')
    refused = project.tenfold("export", "static", "--strict")
    assert refused.returncode == 1
    for told in ("/blog/1", "/clock", "/feed"):
        assert told in refused.stderr
    assert tree(project.path / "dist") == before
    kinds = {f["kind"]: f["subject"] for f in exported(project)["findings"]}
    assert kinds["differs"] == "/clock"
    assert kinds["type"] == "/feed"
    assert b"application/rss+xml" in tree(project.path / "dist")["_headers"]


BAD = {
    "/raises": "RuntimeError: the shelf is empty",
    "/round": "in a loop: /round -> /about-turn",
    "/endless": "has more than 1,000,000 bytes",
    "/member": "needs a login: it leads to /login?next=/member",
    "/cookie": "sets a cookie (sid)",
    "/nowhere": "answers 404",
    "/About/": "Windows and macOS",
}


def test_bad_pages_are_all_told_and_nothing_is_half_done(bring: Bring) -> None:
    project = bring(site)
    exported(project, "--once")
    before = tree(project.path / "dist")
    pages = ", ".join(f'"{page}"' for page in ("/", "/about", *BAD))
    say(project, f"[{pages}]")
    failed = project.tenfold("export", "static", "--once")
    assert failed.returncode == 1
    for page, told in BAD.items():
        assert page in failed.stderr
        assert told in failed.stderr
    assert "nothing: what was exported before is as it was" in failed.stderr
    assert tree(project.path / "dist") == before
    assert [p.name for p in project.path.iterdir() if p.name.endswith(".partial")] == []
    say(project, '["/../x"]')
    refused = project.tenfold("export", "static")
    assert refused.returncode == 2
    assert "would leave the folder" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_export_that_is_cut_off_leaves_the_earlier_one_whole(
    bring: Bring, number: signal.Signals
) -> None:
    project = bring(site)
    exported(project, "--once")
    before = tree(project.path / "dist")
    mark = project.path / "marks"
    mark.mkdir()
    mark.chmod(0o777)
    more = f'\n[env]\nSITE_MARK = "{mark}/begun"\n'
    say(project, '["/", "/waits"]', more)
    text = (project.path / "tenfold.toml").read_text().replace('"2s"', '"200s"')
    (project.path / "tenfold.toml").write_text(text)
    command = project.start("export", "static", "--once")
    deadline = time.monotonic() + 60
    while not (mark / "begun").exists() and time.monotonic() < deadline:
        assert command.poll() is None, command.stdout.read() if command.stdout else ""
        time.sleep(0.05)
    children = psutil.Process(command.pid).children(recursive=True)
    command.send_signal(number)
    command.communicate(timeout=60)
    assert tree(project.path / "dist") == before
    psutil.wait_procs(children, timeout=20)
    assert project.processes() == []
    say(project, '["/"]')
    exported(project, "--once")
    assert [p.name for p in project.path.iterdir() if p.name.endswith(".partial")] == []


def test_below_a_path_of_another_host_with_secrets_and_without_a_database(bring: Bring) -> None:
    project = bring(site)
    say(
        project,
        '["/where", "/secret", "/database", "/"]',
        'url = "https://me.github.io/shop"\n\n[env]\nSITE_SECRET = "${OF_THE_SHELL}"\n',
    )
    done = project.tenfold("export", "static", "--once", env={"OF_THE_SHELL": "swordfish"})
    assert done.returncode == 0, done.stderr
    written = tree(project.path / "dist")
    assert written["where/index.html"] == b"https://me.github.io/shop"
    assert written["secret/index.html"] == b"swordfish"
    assert written["database/index.html"] == b"no database"
    assert "leads out of /shop" in done.stdout
    assert "swordfish" not in done.stdout + done.stderr


def test_a_folder_that_holds_the_project_is_no_place(bring: Bring) -> None:
    project = bring(site)
    for into in (".", "..", ".tenfold", ".tenfold/hosts"):
        refused = project.tenfold("export", "static", "--into", into, "--replace")
        assert refused.returncode == 1
        assert "no place for an export" in refused.stderr
    assert (project.path / "site_app.py").exists()


def test_while_a_site_runs_its_database_is_at_hand(bring: Bring) -> None:
    project = bring(apps.notes)
    project.write(
        "notes.py",
        """
        import os

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                return
            text = "yes" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "no"
            head = [(b"content-type", b"text/html")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": text.encode()})
        """,
    )
    file = project.path / "tenfold.toml"
    file.write_text(file.read_text().replace("[static]", '[static]\npages = ["/"]'))
    exported(project, "--once")
    assert tree(project.path / "dist")["index.html"] == b"no"
    assert not (project.path / ".tenfold/journal.db").exists(), "an export begins no site"
    project.up()
    exported(project, "--once")
    assert tree(project.path / "dist")["index.html"] == b"yes"


DJANGO = '''
    """A Django project in one file: two pages, a static file, a page that needs a login."""

    import os

    from django.conf import settings
    from django.contrib.auth.decorators import login_required
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.template import engines
    from django.urls import path

    settings.configure(
        SECRET_KEY="only for a test",
        ALLOWED_HOSTS=["shop.example"],
        ROOT_URLCONF=__name__,
        STATIC_URL="/static/",
        INSTALLED_APPS=["django.contrib.staticfiles", "django.contrib.auth",
                        "django.contrib.contenttypes", "django.contrib.sessions"],
        MIDDLEWARE=["django.middleware.security.SecurityMiddleware",
                    "django.contrib.sessions.middleware.SessionMiddleware",
                    "django.middleware.common.CommonMiddleware",
                    "django.contrib.auth.middleware.AuthenticationMiddleware"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        SECURE_SSL_REDIRECT=True,
    )
    PAGE = (
        "{% load static %}<link rel=canonical href='{{ request.build_absolute_uri }}'>"
        "<link rel=stylesheet href='{% static 'app.css' %}'><a href='{% url 'about' %}'>about</a>"
    )


    def page(request):
        return HttpResponse(engines["django"].from_string(PAGE).render({}, request))


    @login_required
    def desk(request):
        return HttpResponse("desk")


    urlpatterns = [path("", page), path("about/", page, name="about"), path("desk/", desk)]
    wsgi, asgi = get_wsgi_application(), get_asgi_application()
'''


@pytest.mark.sampled(1)
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_django_project_is_exported(bring: Bring, interface: str) -> None:
    def shop(path: Path) -> Project:
        project = Project(path)
        project.write("shop_site.py", DJANGO)
        project.write("static/app.css", "body { color: black }\n")
        project.write(
            "tenfold.toml",
            f"""
            name = "shop"
            app = "shop_site:{interface}"
            [edge]
            domain = "shop.example"
            [static]
            assets = {{ "/static" = "static" }}
            pages = ["/"]
            follow = true
            """,
        )
        (path / ".venv").symlink_to(environment("django", ("django==5.*", "gunicorn", "uvicorn")))
        return project

    project = bring(shop)
    assert exported(project, "--strict")["pages"] == 3
    written = tree(project.path / "dist")
    assert set(written) == {"index.html", "about/index.html", "static/app.css", "404.html"}
    assert b"href='https://shop.example/about/'" in written["about/index.html"]
    text = (project.path / "tenfold.toml").read_text().replace('["/"]', '["/", "/desk/"]')
    (project.path / "tenfold.toml").write_text(text)
    refused = project.tenfold("export", "static")
    assert refused.returncode == 1
    assert "/desk/" in refused.stderr
    assert "login" in refused.stderr
    assert tree(project.path / "dist") == written


def test_conduit_is_exported_and_every_link_holds(bring: Bring) -> None:
    project = bring(examples.conduit)
    said = exported(project, "--strict")
    written = tree(project.path / "dist")
    assert {"index.html", "about/index.html", "404.html", "static/app.css"} <= set(written)
    assert b"Opening soon" in written["index.html"]
    assert said["looked_twice"]
    assert [f for f in said["findings"] if f["kind"] != "note"] == []
    with served(project.path / "dist") as host:
        assert broken_links(host, "/", "/about/", "/404.html") == []
