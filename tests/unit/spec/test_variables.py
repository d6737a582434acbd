"""Variables that an app needs: found in what is imported with it, and in its factory."""

from __future__ import annotations

import pytest

from tenfold.spec.detect import detect
from tenfold.spec.write import text

from .conftest import Make

FLASK = "import os\nfrom flask import Flask\n"


def names(make: Make, files: dict[str, str]) -> list[str]:
    return [name for name, _ in detect(make(files)).env]


@pytest.mark.parametrize(
    "files",
    [
        {"shop.py": FLASK + "app = Flask('x')\napp.secret_key = os.environ['KEY']\n"},
        {
            "shop/__init__.py": FLASK + "def create_app():\n    app = Flask('x')\n"
            "    app.config['SECRET_KEY'] = os.environ['KEY']\n    return app\n"
        },
        {
            "shop/__init__.py": FLASK + "def create_app():\n    app = Flask('x')\n"
            "    app.config['SECRET_KEY'] = os.environ['KEY']\n    return app\n",
            "wsgi.py": "from shop import create_app\napp = create_app()\n",
        },
        {
            "shop/__init__.py": FLASK + "from shop import config\napp = Flask('x')\n",
            "shop/config.py": "from shop.base import *\n",
            "shop/base.py": "import os\nKEY = os.environ['KEY']\n",
        },
        {
            "shop/__init__.py": "",
            "shop/main.py": "from fastapi import FastAPI\nfrom .keys import KEY\napp = FastAPI()\n",
            "shop/keys.py": "import os\nKEY = os.environ['KEY']\n",
        },
    ],
)
def test_what_cannot_be_missing_is_asked_for(make: Make, files: dict[str, str]) -> None:
    assert names(make, files) == ["KEY"]


@pytest.mark.parametrize(
    "files",
    [
        {"shop.py": FLASK + "app = Flask('x')\nkey = os.environ.get('KEY')\n"},
        {"shop.py": FLASK + "app = Flask('x')\nurl = os.environ['DATABASE_URL']\n"},
        {"shop.py": FLASK + "app = Flask('x')\ndef later():\n    return os.environ['KEY']\n"},
        {
            "shop.py": FLASK + "app = Flask('x')\ndef later():\n    import tool\n",
            "tool.py": "import os\nKEY = os.environ['KEY']\n",
        },
        {
            "shop.py": FLASK + "app = Flask('x')\n",
            "unrelated.py": "import os\nKEY = os.environ['KEY']\n",
        },
    ],
)
def test_what_may_be_missing_is_not(make: Make, files: dict[str, str]) -> None:
    assert names(make, files) == []


def test_modules_that_import_each_other_are_read_once(make: Make) -> None:
    files = {
        "shop/__init__.py": "from flask import Flask\nfrom shop import views\napp = Flask('x')\n",
        "shop/views.py": "import os\nfrom shop import app\nKEY = os.environ['KEY']\n",
    }
    assert names(make, files) == ["KEY"]


def test_it_is_said_and_written(make: Make) -> None:
    found = detect(make({"shop.py": FLASK + "app = Flask('x')\nk = os.environ['KEY']\n"}))
    assert 'KEY = "${KEY}"' in text(found)
    assert "shop.py needs KEY in the environment" in [note.fact for note in found.notes]
