"""Debugging, host names, keys."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Find, django_files

FLASK = "from flask import Flask, session\napp = Flask(__name__)\n"


@pytest.mark.parametrize(
    ("files", "place"),
    [
        (django_files("DEBUG = True"), "shop/settings.py:1"),
        (
            django_files('import os\nDEBUG = os.environ.get("DEBUG", "True") == "True"'),
            "shop/settings.py:2 (unless DEBUG is set)",
        ),
        (
            django_files('DEBUG = env.bool("DJANGO_DEBUG", default=True)'),
            "shop/settings.py:1 (unless DJANGO_DEBUG is set)",
        ),
        (
            django_files('DEBUG = config("DEBUG", default="yes", cast=bool)'),
            "shop/settings.py:1 (unless DEBUG is set)",
        ),
        (
            django_files('DEBUG = envbool("DEBUG", "True")'),
            "shop/settings.py:1 (unless DEBUG is set)",
        ),
        ({"main.py": "from fastapi import FastAPI\napp = FastAPI(debug=True)"}, "main.py:2"),
        ({"app.py": FLASK + "app.debug = True"}, "app.py:3"),
        ({"app.py": FLASK + 'app.config["DEBUG"] = True'}, "app.py:3"),
        ({"config.py": "class ProductionConfig:\n    DEBUG = True"}, "config.py:2"),
    ],
)
def test_debugging_that_visitors_see(find: Find, files: dict[str, str], place: str) -> None:
    (seen,) = find("app.debug", files)
    assert seen.evidence == (place,)
    assert seen.bites == "100"


def test_debugging_on_a_public_address_bites_now(find: Find) -> None:
    (seen,) = find("app.debug", django_files("DEBUG = True"), public=True)
    assert seen.bites == "10"


def test_a_variable_of_the_file_turns_it_on(find: Find) -> None:
    files = django_files('import os\nDEBUG = os.environ.get("DEBUG", "") == "1"')
    assert find("app.debug", files) == []
    (seen,) = find("app.debug", files, given={"DEBUG": "1"})
    assert "tenfold.toml [env] DEBUG" in seen.evidence


@pytest.mark.parametrize(
    ("files", "given"),
    [
        (django_files("DEBUG = False"), {}),
        (django_files('import os\nDEBUG = os.environ.get("DEBUG") == "1"'), {}),
        (django_files('import os\nDEBUG = os.environ.get("D", "1") == "1"'), {"D": "0"}),
        (django_files('import os\nDEBUG = os.environ.get("D", "1") == "1"'), {"D": None}),
        (django_files("DEBUG = True\nif on_server():\n    DEBUG = False"), {}),
        (
            django_files(
                "from shop.base import *\nDEBUG = False", {"shop/base.py": "DEBUG = True"}
            ),
            {},
        ),
        ({"app.py": FLASK + "if __name__ == '__main__':\n    app.run(debug=True)"}, {}),
        ({"config.py": "class DevelopmentConfig:\n    DEBUG = True"}, {}),
        ({"main.py": "from fastapi import FastAPI\nimport os\napp = FastAPI(debug=False)"}, {}),
    ],
)
def test_debugging_that_is_off_where_it_counts(
    find: Find, files: dict[str, str], given: dict[str, str | None]
) -> None:
    assert find("app.debug", files, given=given) == []


@pytest.mark.parametrize(
    "files",
    [
        django_files('ALLOWED_HOSTS = ["*"]'),
        django_files('import os\nALLOWED_HOSTS = os.environ.get("HOSTS", "*").split(",")'),
        {
            "main.py": """
            from starlette.middleware.trustedhost import TrustedHostMiddleware
            app.add_middleware(TrustedHostMiddleware, allowed_hosts=["*"])
            """
        },
    ],
)
def test_any_host(find: Find, files: dict[str, str]) -> None:
    (seen,) = find("app.any-host", files)
    assert seen.bites == "100"


@pytest.mark.parametrize(
    ("files", "known"),
    [
        (django_files('ALLOWED_HOSTS = ["www.example.org"]'), {}),
        (django_files("ALLOWED_HOSTS = []"), {}),
        (
            django_files('import os\nALLOWED_HOSTS = os.environ.get("HOSTS", "*").split(",")'),
            {"given": {"HOSTS": "a.example.org"}},
        ),
        (
            {
                "main.py": """
                from starlette.middleware.trustedhost import TrustedHostMiddleware
                app.add_middleware(TrustedHostMiddleware, allowed_hosts=["a.example.org"])
                """
            },
            {},
        ),
    ],
)
def test_named_hosts(find: Find, files: dict[str, str], known: dict[str, Any]) -> None:
    assert find("app.any-host", files, **known) == []


KEY = "django-insecure-q8w7e6"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (django_files(f'SECRET_KEY = "{KEY}"'), "SECRET_KEY"),
        (django_files(f'import os\nSECRET_KEY = os.environ.get("KEY", "{KEY}")'), "SECRET_KEY"),
        (django_files(f'SECRET_KEY = env("KEY", default="{KEY}")'), "SECRET_KEY"),
        ({"app.py": FLASK + f'app.secret_key = "{KEY}"'}, "secret_key"),
        ({"app.py": FLASK + f'app.config["SECRET_KEY"] = "{KEY}"'}, "SECRET_KEY"),
        ({"app.py": FLASK + f'app.config.from_mapping(SECRET_KEY="{KEY}")'}, "SECRET_KEY"),
        ({"config.py": f'class Config:\n    SECRET_KEY = "{KEY}"'}, "SECRET_KEY"),
        ({"config.py": f'class App(BaseSettings):\n    secret_key: str = "{KEY}"'}, "secret_key"),
        (
            {"main.py": f'app.add_middleware(SessionMiddleware, secret_key="{KEY}")'},
            "secret_key",
        ),
        ({"auth.py": f'JWT_SECRET = "{KEY}"'}, "JWT_SECRET"),
    ],
)
def test_a_secret_in_the_source_is_named_and_not_shown(
    find: Find, files: dict[str, str], name: str
) -> None:
    (seen,) = find("app.known-secret", files)
    assert seen.evidence[0].endswith(name)
    assert KEY not in repr(seen)


@pytest.mark.parametrize(
    ("files", "given"),
    [
        (django_files('import os\nSECRET_KEY = os.environ["KEY"]'), {}),
        (django_files(f'import os\nSECRET_KEY = os.environ.get("KEY", "{KEY}")'), {"KEY": None}),
        (django_files('SECRET_KEY = env("KEY")'), {}),
        ({"app.py": FLASK + 'import os\napp.secret_key = os.environ["KEY"]'}, {}),
        ({"config.py": "class App(BaseSettings):\n    secret_key: str"}, {}),
        (
            {"config.py": f'class App(BaseSettings):\n    secret_key: str = "{KEY}"'},
            {"SECRET_KEY": None},
        ),
        ({"config.py": f'class TestingConfig:\n    SECRET_KEY = "{KEY}"'}, {}),
        ({"tests/conftest.py": f'SECRET_KEY = "{KEY}"', "app.py": "x = 1"}, {}),
    ],
)
def test_secrets_from_elsewhere_are_fine(
    find: Find, files: dict[str, str], given: dict[str, str | None]
) -> None:
    assert find("app.known-secret", files, given=given) == []


@pytest.mark.parametrize(
    "files",
    [
        {"app.py": FLASK + "import os\napp.secret_key = os.urandom(24)"},
        {"app.py": FLASK + "import secrets\napp.config['SECRET_KEY'] = secrets.token_hex()"},
        django_files("SECRET_KEY = get_random_secret_key()"),
        django_files('import os\nSECRET_KEY = os.environ.get("KEY") or get_random_secret_key()'),
    ],
)
def test_a_key_that_is_drawn_at_each_start(find: Find, files: dict[str, str]) -> None:
    (seen,) = find("app.random-secret", files)
    assert seen.bites == "10"
    assert find("app.known-secret", files) == []


@pytest.mark.parametrize(
    ("files", "given"),
    [
        (
            django_files(
                'import os\nSECRET_KEY = os.environ.get("KEY") or get_random_secret_key()'
            ),
            {"KEY": None},
        ),
        (
            {"settings.py": 'SECRET_KEY: str = get_env("KEY", os.urandom(32))\n'},
            {"KEY": None},
        ),
        ({"app.py": "import secrets\ntoken = secrets.token_hex()"}, {}),
    ],
)
def test_random_values_that_are_no_key_are_fine(
    find: Find, files: dict[str, str], given: dict[str, str | None]
) -> None:
    assert find("app.random-secret", files, given=given) == []


@pytest.mark.parametrize(
    "files",
    [
        django_files("DEBUG = False"),
        django_files('SECRET_KEY = ""'),
        django_files('import os\nSECRET_KEY = os.environ.get("SECRET_KEY")'),
        {"app.py": FLASK + "@app.get('/')\ndef home():\n    session['a'] = 1\n"},
    ],
)
def test_no_key_at_all(find: Find, files: dict[str, str]) -> None:
    (seen,) = find("app.no-secret", files)
    assert seen.bites == "10"


@pytest.mark.parametrize(
    ("files", "given"),
    [
        (django_files('SECRET_KEY = "x"'), {}),
        (
            django_files('import os\nSECRET_KEY = os.environ.get("SECRET_KEY")'),
            {"SECRET_KEY": None},
        ),
        (django_files('SECRET_KEY = config("SECRET_KEY")'), {}),
        (django_files('globals().update(load("SECRET_KEY"))'), {}),
        ({"app.py": "from flask import Flask\napp = Flask(__name__)"}, {}),
        ({"app.py": FLASK + 'app.config.from_pyfile("settings.cfg")'}, {}),
        ({"app.py": FLASK + "app.secret_key = key()"}, {}),
    ],
)
def test_a_key_that_may_be_there(
    find: Find, files: dict[str, str], given: dict[str, str | None]
) -> None:
    assert find("app.no-secret", files, given=given) == []
