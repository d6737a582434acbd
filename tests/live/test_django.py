"""A Django project, as ``startproject`` makes it and as the how-to page says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.docs.shell import Edit, acts, edited
from tests.support.project import Project
from tests.support.venvs import environment
from tests.support.visitor import Visitor, served_by_the_edge

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
Bring = Callable[[Any], Project]

PACKAGES = ("django==5.*", "gunicorn", "psycopg[binary]", "dj-database-url")
PAGE = Path(__file__).resolve().parents[2] / "docs/howto/django.md"
DATABASE, OTHERS_SEE_IT, ENV = (
    act for act in acts(PAGE.read_text("utf-8")) if isinstance(act, Edit)
)

MODELS = """
    from django.db import models


    class Bread(models.Model):
        name = models.CharField(max_length=80)
        # more

        def __str__(self):
            return self.name
"""
ADMIN = """
    from django.contrib import admin

    from breads.models import Bread

    admin.site.register(Bread)
"""
VIEWS = """
    from django.shortcuts import redirect, render

    from breads.models import Bread


    def shelf(request):
        if request.method == "POST":
            Bread.objects.create(name=request.POST["name"])
            return redirect("shelf")
        return render(request, "shelf.html", {"breads": Bread.objects.order_by("id")})
"""
URLS = """
    from django.contrib import admin
    from django.urls import path

    from breads.views import shelf

    urlpatterns = [path("", shelf, name="shelf"), path("admin/", admin.site.urls)]
"""
SHELF = """
    {% load static %}<!doctype html>
    <title>Bakery</title>
    <link rel="stylesheet" href="{% static "breads/shelf.css" %}">
    <ul>{% for bread in breads %}<li>{{ bread }}</li>{% endfor %}</ul>
    <form method="post">{% csrf_token %}<input name="name"></form>
"""
SUPERUSER = (
    "from django.contrib.auth.models import User;"
    "User.objects.create_superuser('baker', password='crusty-loaf')"
)


def bakery(path: Path) -> Project:
    """What ``startproject`` writes, with an app of one model, one page and one stylesheet."""
    project = Project(path)
    (path / ".venv").symlink_to(environment("django", PACKAGES))
    python(project, "-m", "django", "startproject", "bakery", ".")
    project.write("breads/__init__.py", "")
    project.write("breads/migrations/__init__.py", "")
    project.write("breads/models.py", MODELS)
    project.write("breads/admin.py", ADMIN)
    project.write("breads/views.py", VIEWS)
    project.write("breads/templates/shelf.html", SHELF)
    project.write("breads/static/breads/shelf.css", "li { color: sienna }\n")
    project.write("bakery/urls.py", URLS)
    settings = path / "bakery/settings.py"
    text = settings.read_text().replace("INSTALLED_APPS = [", "INSTALLED_APPS = ['breads',")
    settings.write_text(text)
    change(project, DATABASE)
    python(project, "manage.py", "makemigrations", "breads")
    return project


def python(project: Project, *arguments: str) -> None:
    """A command in the project's own environment, as whoever develops it gives it."""
    program = project.path / ".venv/bin/python"
    subprocess.run([program, *arguments], cwd=project.path, check=True, capture_output=True)


def change(project: Project, edit: Edit) -> None:
    """An edit of the how-to page."""
    path = project.path / edit.name
    path.write_text(edited(path.read_text(), edit))


def test_init_untouched_then_up_deploy_and_a_form_that_writes(bring: Bring) -> None:
    project = bring(bakery)
    said = project.ok("init")
    assert "Django" in said
    assert "DATABASES" not in said, "the page's settings leave nothing to say about the database"
    written = (project.path / "tenfold.toml").read_text()
    assert "collectstatic" in written
    assert "manage.py migrate" in written
    project.up()

    browser = Visitor(project)
    assert "<li>Rye</li>" in browser.submit("/", name="Rye").text
    assert served_by_the_edge(browser.get("/static/breads/shelf.css"))
    assert served_by_the_edge(browser.get("/static/admin/css/base.css"))

    project.ok("run", "python", "manage.py", "shell", "-c", SUPERUSER)
    inside = browser.submit("/admin/login/?next=/admin/", username="baker", password="crusty-loaf")
    assert "Site administration" in inside.text
    assert browser.submit("/admin/breads/bread/add/", name="Spelt").status == 200
    assert "<li>Spelt</li>" in browser.get("/").text

    first = project.status()["release"]
    project.write(
        "breads/models.py", MODELS.replace("# more", "baked = models.DateField(null=True)")
    )
    python(project, "manage.py", "makemigrations", "breads")
    project.ok("deploy")
    assert project.status()["release"] != first
    assert "<li>Rye</li><li>Spelt</li>" in browser.get("/").text
    assert "Site administration" in browser.get("/admin/").text, "sessions outlive a deploy"
    assert 'name="baked"' in browser.get("/admin/breads/bread/add/").text

    project.ok("rollback")
    assert "<li>Rye</li>" in browser.submit("/", name="Wheat").text, "old code, new schema"


def test_settings_for_others_to_see_it(bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKERY_SECRET_KEY", "knead-and-wait")
    project = bring(bakery)
    project.ok("init")
    change(project, OTHERS_SEE_IT)
    change(project, ENV)
    project.up()

    assert Visitor(project).get("/").status == 200
    assert Visitor(project, host="elsewhere.example").get("/").status == 400
    assert served_by_the_edge(Visitor(project).get("/static/breads/shelf.css"))
    behind_a_proxy = Visitor(project, "bakery.example", origin="https://bakery.example")
    assert "<li>Rye</li>" in behind_a_proxy.submit("/", name="Rye").text
    another_site = Visitor(project, "bakery.example", origin="https://elsewhere.example")
    assert another_site.submit("/", name="Mould").status == 403
