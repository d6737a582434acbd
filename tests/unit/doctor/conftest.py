from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tenfold.doctor import catalogue
from tenfold.doctor.facts import AppFacts
from tenfold.doctor.model import Seen
from tenfold.spec.detect import django
from tenfold.spec.detect.installed import Installed
from tenfold.spec.detect.project import Project
from tenfold.spec.workers import WorkerTable

Find = Callable[..., list[Seen]]

MANAGE = """
    import os
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
"""
WSGI = """
    import os
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    application = object()
"""


def django_files(settings: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A Django project with these settings."""
    own = {
        "manage.py": MANAGE,
        "shop/__init__.py": "",
        "shop/wsgi.py": WSGI,
        "shop/settings.py": settings,
    }
    return {**own, **(more or {})}


def read(root: Path, **known: Any) -> AppFacts:
    """The facts of the source in this folder."""
    project = Project(root)
    own = [p for p in project.files if not project.is_aside(p)]
    modules = tuple(m for m in map(project.module, own) if m is not None)
    assert len(modules) == len(own), "every file of a test can be parsed"
    found = django.find(project, Installed())
    return AppFacts(project=project, modules=modules, django=found, **known)


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """What one check of the app sees in these files."""

    def seen(id: str, files: Mapping[str, str], **known: Any) -> list[Seen]:
        write(tmp_path, files)
        one = catalogue.named(id)
        return list(one.find(read(tmp_path, **known)))

    return seen


def write(root: Path, files: Mapping[str, str]) -> None:
    """Files of a project by their names."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def tables(workers: Mapping[str, Any]) -> dict[str, WorkerTable]:
    """``[workers]``: a command, or a whole table, by name."""
    return {
        name: WorkerTable.model_validate({"command": table} if isinstance(table, str) else table)
        for name, table in workers.items()
    }
