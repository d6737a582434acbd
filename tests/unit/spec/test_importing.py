"""What an import of the app needs and does, read from its sources."""

from __future__ import annotations

import pytest

from tenfold.spec.detect import Found, detect
from tenfold.spec.read import parse
from tenfold.spec.write import text

from .conftest import Make

MAIN = "from fastapi import FastAPI\nfrom shop import config\napp = FastAPI()\n"
INSTALLED = ("uvicorn-0.35.0",)


def facts(found: Found) -> list[str]:
    return [note.fact for note in found.notes]


def test_variables_of_every_module_that_the_import_reaches(make: Make) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/main.py": MAIN,
        "shop/config.py": """
            import os
            from shop.inner import deep
            KEY = os.environ["SHOP_KEY"]
            URL = os.environ["DATABASE_URL"]
            LEVEL = os.environ.get("LEVEL", "info")
            def later():
                return os.environ["ONLY_LATER"]
        """,
        "shop/inner/__init__.py": "",
        "shop/inner/deep.py": "import os\nDEEP = os.environ['DEEP']\n",
        "shop/tool.py": "import os\nX = os.environ['NEVER_IMPORTED']\n",
    }
    found = detect(make(files, INSTALLED))
    assert found.env == (("SHOP_KEY", "${SHOP_KEY}"), ("DEEP", "${DEEP}"))
    assert facts(found) == ["shop/main.py needs SHOP_KEY, DEEP in the environment"]
    assert parse(text(found)).env["DEEP"] == "${DEEP}"


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("secret: str\n    database_url: str\n    debug: bool = False", ["SECRET"]),
        ("model_config = SettingsConfigDict(env_prefix='SHOP_')\n    key: str", ["SHOP_KEY"]),
        ("class Config:\n        env_prefix = 'OLD_'\n    key: str", ["OLD_KEY"]),
        ("model_config = SettingsConfigDict(env_file='.env')\n    key: str\n    b: str", ["B"]),
        ("names: ClassVar[list]", []),
    ],
)  # fmt: skip
def test_settings_of_pydantic(make: Make, body: str, names: list[str]) -> None:
    config = (
        "from typing import ClassVar\n"
        "from pydantic_settings import BaseSettings, SettingsConfigDict\n"
        f"class Settings(BaseSettings):\n    {body}\n"
    )
    files = {
        "shop/__init__.py": "",
        "shop/main.py": MAIN,
        "shop/config.py": config,
        ".env": "KEY=1\n",
    }
    found = detect(make(files, INSTALLED))
    assert [name for name, _ in found.env] == names


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import requests\nrates = requests.get('https://x').json()", "calls requests.get when"),
        ("from urllib.request import urlopen as o\nx = o('https://x')", "calls urllib.request."),
        ("import psycopg\nwith psycopg.connect('x') as c:\n    pass", "talks to the database when"),
        ("from db import Base, engine\nBase.metadata.create_all(engine)", "talks to the database"),
    ],
)  # fmt: skip
def test_talk_with_the_outside_on_import_is_told(make: Make, line: str, told: str) -> None:
    files = {"shop/__init__.py": "", "shop/main.py": MAIN, "shop/config.py": line}
    assert any("shop/config.py:" in f and told in f for f in facts(detect(make(files, INSTALLED))))


@pytest.mark.parametrize(
    "line",
    [
        "import requests\ndef rates():\n    return requests.get('https://x')",
        "import psycopg\nif __name__ == '__main__':\n    psycopg.connect('x')",
        "from sqlalchemy import create_engine\nengine = create_engine('x')",
    ],
)
def test_what_happens_later_is_not(make: Make, line: str) -> None:
    files = {"shop/__init__.py": "", "shop/main.py": MAIN, "shop/config.py": line}
    assert facts(detect(make(files, INSTALLED))) == []
