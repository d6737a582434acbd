from __future__ import annotations

import pytest

from tenfold.errors import UsageError
from tenfold.spec.detect import Found, detect
from tenfold.spec.detect.found import Stored
from tenfold.spec.read import parse
from tenfold.spec.write import text

from .conftest import Make

MANAGE = """
    import os
    def main():
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bakery.settings")
    """
SERVES = """
    import os
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bakery.settings")
    application = object()
    """
SETTINGS = """
    from pathlib import Path
    import dj_database_url
    BASE_DIR = Path(__file__).resolve().parent.parent
    DEBUG = False
    SECRET_KEY = dj_database_url.os.environ.get("SECRET_KEY")
    ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
    ROOT_URLCONF = "bakery.urls"
    WSGI_APPLICATION = "bakery.wsgi.application"
    DATABASES = {"default": dj_database_url.config()}
    STATIC_URL = "static/"
    STATIC_ROOT = BASE_DIR / "staticfiles"
    """
FILES = {
    "manage.py": MANAGE,
    "bakery/__init__.py": "",
    "bakery/settings.py": SETTINGS,
    "bakery/wsgi.py": SERVES,
    "bakery/asgi.py": SERVES,
    "bakery/urls.py": "urlpatterns = [path('healthz/', ok), path('health', include('x'))]",
    "shop/migrations/0001_initial.py": "",
    "shop/migrations/0002_more.py": "",
    "shop/migrations/__init__.py": "",
}
BOTH = ("Django-5.2", "gunicorn-23.0.0", "uvicorn-0.35.0", "psycopg-3.2")


def facts(found: Found) -> list[str]:
    return [note.fact for note in found.notes]


def test_a_project_as_startproject_makes_it(make: Make) -> None:
    found = detect(make(FILES, ("Django-5.2", "gunicorn-23.0.0", "psycopg-3.2")))
    assert (found.app, found.interface) == ("bakery.wsgi:application", "wsgi")
    assert found.migrate == "python manage.py migrate --noinput"
    assert found.build == "python manage.py collectstatic --noinput"
    assert found.assets == (("/static", "staticfiles"),)
    assert found.health == "/healthz/"
    assert found.env == ()
    assert found.notes == ()
    assert {item.kind: item.what for item in found.items} == {
        "framework": "Django 5.2",
        "migrations": "2 migrations",
        "static": "staticfiles/ at /static",
        "health": "health page /healthz/",
        "environment": ".venv with gunicorn 23.0.0",
    }


@pytest.mark.parametrize(
    ("installed", "settings", "app"),
    [
        (BOTH, "", "bakery.wsgi:application"),
        (("uvicorn-0.35.0",), "", "bakery.asgi:application"),
        (BOTH, "ASGI_APPLICATION = 'bakery.asgi.application'\n", "bakery.asgi:application"),
        (("gunicorn-23.0",), "ASGI_APPLICATION = 'bakery.asgi.application'\n",
         "bakery.wsgi:application"),
        ((), "", "bakery.wsgi:application"),
    ],
)  # fmt: skip
def test_the_installed_server_decides(
    make: Make, installed: tuple[str, ...], settings: str, app: str
) -> None:
    root = make(FILES, installed)
    with (root / "bakery/settings.py").open("a") as file:
        file.write(settings)
    assert detect(root).app == app


def test_settings_that_serve_are_those_that_migrate(make: Make) -> None:
    files = {
        **FILES,
        "manage.py": MANAGE.replace("bakery.settings", "bakery.settings.local"),
        "bakery/wsgi.py": SERVES.replace("bakery.settings", "bakery.settings.production"),
        "bakery/settings/__init__.py": "",
        "bakery/settings/base.py": SETTINGS.replace("parent.parent", "parent.parent.parent"),
        "bakery/settings/local.py": "from .base import *\nDEBUG = True\n",
        "bakery/settings/production.py": "from bakery.settings.base import *\nDEBUG = False\n",
    }
    del files["bakery/settings.py"]
    found = detect(make(files, BOTH))
    assert found.env == (("DJANGO_SETTINGS_MODULE", "bakery.settings.production"),)
    assert found.assets == (("/static", "staticfiles"),)
    assert found.notes == ()


def test_a_project_below_another_folder(make: Make) -> None:
    files = {f"backend/{name}": text for name, text in FILES.items()}
    found = detect(make(files, BOTH))
    assert found.app == "bakery.wsgi:application"
    assert found.pythonpath == ("backend",)
    assert found.migrate == "python backend/manage.py migrate --noinput"
    assert found.assets == (("/static", "backend/staticfiles"),)


def test_things_to_know(make: Make) -> None:
    settings = """
        import os
        BASE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        SECRET_KEY = "django-insecure-123"
        DEBUG = True
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
        STATIC_URL = "/static/"
        MEDIA_ROOT = os.path.join(BASE_DIR, "media")
        """
    found = detect(make({**FILES, "bakery/settings.py": settings}, BOTH))
    assert facts(found) == [
        "DATABASES is a SQLite file",
        "DEBUG is on in bakery.settings",
        "SECRET_KEY is written in bakery.settings",
        "STATIC_ROOT is not set in bakery.settings",
        "media/ is kept across releases, and the app itself serves it",
    ]
    assert found.notes[0].then.startswith("it lies in the release: a deploy refuses to leave it")
    assert (found.build, found.assets) == (None, ())


@pytest.mark.parametrize(
    ("settings", "storage"),
    [
        ('MEDIA_URL = "media/"\nMEDIA_ROOT = BASE_DIR / "media"', (Stored("media", "/media"),)),
        ('MEDIA_URL = "/up/"\nMEDIA_ROOT = "var/up"', (Stored("var/up", "/up"),)),
        ('MEDIA_ROOT = BASE_DIR / "media"', (Stored("media"),)),
        (
            'MEDIA_URL = "https://cdn.example/"\nMEDIA_ROOT = BASE_DIR / "media"',
            (Stored("media"),),
        ),
        ('MEDIA_URL = "media/"\nMEDIA_ROOT = "/srv/media"', ()),
        ('MEDIA_URL = "media/"\nMEDIA_ROOT = BASE_DIR', ()),
        ('MEDIA_URL = "media/"\nMEDIA_ROOT = BASE_DIR / "bakery"', ()),
    ],
)
def test_uploads(make: Make, settings: str, storage: tuple[Stored, ...]) -> None:
    more = "".join(f"{line}\n    " for line in settings.splitlines())
    found = detect(make({**FILES, "bakery/settings.py": SETTINGS + more}, BOTH))
    assert found.storage == storage
    spec = parse(text(found))
    assert spec.storage.dirs == tuple(s.directory for s in storage)
    assert dict(spec.storage.urls) == {s.url: s.directory for s in storage if s.url}


@pytest.mark.parametrize("name", ["/var/lib/bakery/db.sqlite3", ":memory:"])
def test_a_database_elsewhere_does_not_lie_in_the_release(make: Make, name: str) -> None:
    databases = f"DATABASES = {{'default': {{'ENGINE': 'sqlite3', 'NAME': '{name}'}}}}\n"
    found = detect(make({**FILES, "bakery/settings.py": databases}, BOTH))
    assert facts(found) == [
        "DATABASES in bakery.settings is SQLite, and does not read DATABASE_URL"
    ]


class TestEnvironment:
    """What the settings need in the environment is written into [env]."""

    def env(self, make: Make, settings: str, dotenv: str = "") -> list[str]:
        files = {**FILES, "bakery/settings.py": settings, **({".env": dotenv} if dotenv else {})}
        found = detect(make(files, BOTH))
        assert all(value == f"${{{name}}}" for name, value in found.env)
        return [name for name, _ in found.env]

    def test_it_is_written_and_said(self, make: Make) -> None:
        settings = (
            "import os\nSECRET_KEY = os.environ['SECRET_KEY']\nX = os.environ['HOSTS'].split()\n"
        )
        found = detect(make({**FILES, "bakery/settings.py": settings}, BOTH))
        assert found.env == (("SECRET_KEY", "${SECRET_KEY}"), ("HOSTS", "${HOSTS}"))
        assert facts(found) == ["bakery.settings needs SECRET_KEY, HOSTS in the environment"]
        assert 'SECRET_KEY = "${SECRET_KEY}"\n' in text(found)
        assert dict(parse(text(found)).env) == dict(found.env)

    @pytest.mark.parametrize(
        "settings",
        [
            "A = environ['KEY']",
            "A = env('KEY')",
            "A = env.bool('KEY')",
            "A = [*env.list('KEY'), 'localhost']",
            "A = config('KEY', cast=bool)",
            "A = {'b': {'c': os.environ['KEY']}}",
        ],
    )
    def test_ways_to_need_it(self, make: Make, settings: str) -> None:
        assert self.env(make, settings) == ["KEY"]

    @pytest.mark.parametrize(
        "settings",
        [
            "A = os.environ.get('KEY')",
            "A = os.getenv('KEY', '')",
            "A = env('KEY', default='x')",
            "A = env.str('KEY', 'x')",
            "env = environ.Env(KEY=(bool, False))\nA = env('KEY')",
            "A = os.environ['KEY'] if 'KEY' in os.environ else 'x'",
            "if os.environ.get('LIVE'):\n    A = os.environ['KEY']",
            "try:\n    A = os.environ['KEY']\nexcept KeyError:\n    A = 1",
            "def a():\n    return os.environ['KEY']",
            "os.environ['KEY'] = 'x'\nA = os.environ['KEY']",
            "os.environ.setdefault('KEY', 'x')\nA = os.environ['KEY']",
            "A = dj_database_url.parse(os.environ['DATABASE_URL'])",
            "A = os.environ['HOME'] + os.environ['TENFOLD_APP'] + os.environ['no name']",
            "env.read_env('KEY')",
        ],
    )
    def test_what_has_an_answer_is_left_out(self, make: Make, settings: str) -> None:
        assert self.env(make, settings) == []

    @pytest.mark.parametrize(
        ("reads", "needs"), [("env.read_env()", ["OTHER"]), ("", ["KEY", "OTHER"])]
    )
    def test_what_a_dotenv_gives_is_left_out_if_the_settings_read_it(
        self, make: Make, reads: str, needs: list[str]
    ) -> None:
        asks = f"{reads}\nA = env('KEY')\nB = env('OTHER')\n"
        assert self.env(make, asks, "export KEY=1\n") == needs

    def test_the_base_settings_count_too(self, make: Make) -> None:
        files = {
            **FILES,
            "bakery/settings.py": "from .base import *\nB = os.environ['MORE']\n",
            "bakery/base.py": "import os\nA = os.environ['KEY']\n",
        }
        assert [name for name, _ in detect(make(files, BOTH)).env] == ["KEY", "MORE"]


@pytest.mark.parametrize(
    "databases",
    [
        "DATABASES = {'default': env.db()}",
        "DATABASES = {'default': dj_database_url.parse(os.environ['DATABASE_URL'])}",
        "DATABASES = {'default': {'ENGINE': 'sqlite3'}}\n"
        "DATABASES['default'] = dj_database_url.config()",
    ],
)
def test_settings_that_read_the_database_url(make: Make, databases: str) -> None:
    root = make({**FILES, "bakery/settings.py": databases}, BOTH)
    assert facts(detect(root)) == []


def test_nobody_may_ask_without_allowed_hosts(make: Make) -> None:
    settings = SETTINGS.replace('["127.0.0.1", "localhost"]', "[]")
    found = detect(make({**FILES, "bakery/settings.py": settings}, BOTH))
    assert facts(found) == ["ALLOWED_HOSTS is empty in bakery.settings"]


@pytest.mark.parametrize(
    "settings",
    [
        "import os\nSTATIC_URL = os.environ['X']\nSTATIC_ROOT = 'out'\n",
        "STATIC_URL = 'https://cdn.example.com/'\nSTATIC_ROOT = 'out'\n",
        "from .missing import *\n",
        "from .settings import *\n",
        "syntax error here",
    ],
)
def test_settings_that_cannot_be_read_are_no_failure(make: Make, settings: str) -> None:
    found = detect(make({**FILES, "bakery/settings.py": settings}, BOTH))
    assert found.app == "bakery.wsgi:application"
    assert found.assets == ()


def test_a_static_root_outside_of_the_project_is_told(make: Make) -> None:
    settings = SETTINGS.replace('BASE_DIR / "staticfiles"', '"/srv/static"')
    found = detect(make({**FILES, "bakery/settings.py": settings}, BOTH))
    assert facts(found) == ["STATIC_ROOT of bakery.settings is outside of the project"]
    assert (found.build, found.assets) == (None, ())


def test_without_a_server_module_it_is_no_app(make: Make) -> None:
    with pytest.raises(UsageError):
        detect(make({"manage.py": MANAGE, "bakery/settings.py": SETTINGS}))


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ('ALLOWED_HOSTS = ["*"]', 'ALLOWED_HOSTS has "*" in bakery.settings'),
        ("DEBUG = True", "DEBUG is on in bakery.settings"),
        ('SECRET_KEY = ""', "SECRET_KEY is not set in bakery.settings"),
        ('SECRET_KEY = "oven"', "SECRET_KEY is written in bakery.settings"),
        ("SECURE_SSL_REDIRECT = True", "SECURE_SSL_REDIRECT is on in bakery.settings"),
    ],
)
def test_settings_that_are_fine_for_development_alone(make: Make, line: str, fact: str) -> None:
    root = make({**FILES, "bakery/settings.py": f"{SETTINGS}\n    {line}\n"}, BOTH)
    assert facts(detect(root)) == [fact]


def test_a_secret_key_that_nobody_sets(make: Make) -> None:
    lines = [line for line in SETTINGS.splitlines() if "SECRET_KEY" not in line]
    found = detect(make({**FILES, "bakery/settings.py": "\n".join(lines)}, BOTH))
    assert facts(found) == ["SECRET_KEY is not set in bakery.settings"]
