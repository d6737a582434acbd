from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.errors import Ambiguous, UsageError
from tenfold.spec.detect import Found, detect

from .conftest import Make

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"


def facts(found: Found) -> list[str]:
    return [note.fact for note in found.notes]


def kinds(found: Found) -> dict[str, str]:
    return {item.kind: item.what for item in found.items}


def test_a_fastapi_app(make: Make) -> None:
    root = make({"bakery/__init__.py": "", "bakery/main.py": FASTAPI}, ("uvicorn-0.35.0",))
    found = detect(root)
    assert (found.name, found.app, found.interface) == ("bakery", "bakery.main:app", "asgi")
    assert kinds(found) == {"framework": "FastAPI", "environment": ".venv with uvicorn 0.35.0"}
    assert found.items[0].where == "bakery/main.py:2"
    assert found.notes == ()
    assert (found.migrate, found.build, found.health, found.assets) == (None, None, None, ())


@pytest.mark.parametrize(
    "text",
    [
        "import fastapi\napp = fastapi.FastAPI()",
        "import fastapi as f\napp: f.FastAPI = f.FastAPI(title='x')",
        "from fastapi import FastAPI as Api\ntry:\n    app = Api()\nfinally:\n    pass",
        "from fastapi.applications import FastAPI\nif True:\n    app = FastAPI()",
        "from fastapi import FastAPI\ndef make() -> FastAPI:\n    x = FastAPI()\n    return x\n"
        "app = make()",
        "from fastapi import FastAPI\ndef make():\n    return FastAPI()\napp = make()",
    ],
)
def test_ways_to_make_an_app(make: Make, text: str) -> None:
    assert detect(make({"main.py": text})).app == "main:app"


def test_a_factory_of_another_module(make: Make) -> None:
    root = make(
        {
            "shop/__init__.py": "from flask import Flask\ndef create_app():\n"
            "    app = Flask(__name__)\n    return app\n",
            "wsgi.py": "from shop import create_app\napplication = create_app()\n",
        }
    )
    found = detect(root)
    assert (found.app, found.interface) == ("wsgi:application", "wsgi")


def test_a_factory_that_nobody_calls_is_the_entry(make: Make) -> None:
    text = (
        "from flask import Flask\ndef create_app(config=None, *, debug=False):\n"
        "    app = Flask('x')\n    return app\n"
    )
    found = detect(make({"src/shop/__init__.py": text}))
    assert (found.app, found.interface) == ("shop:create_app()", "wsgi")
    assert found.pythonpath == ("src",)


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ("def create_app(config):", "config"),
        ("def create_app(*, config, debug=1):", "config"),
        ("async def create_app():", "await"),
    ],
)
def test_a_factory_that_wants_something_is_told_how_to_be_called(
    make: Make, head: str, wanted: str
) -> None:
    root = make({"shop.py": f"from flask import Flask\n{head}\n    return Flask('x')\n"})
    with pytest.raises(UsageError, match=r"create_app \(shop.py:2\) makes a Flask app") as caught:
        detect(root)
    assert caught.value.what.endswith(f"it wants to be given {wanted}")
    expected = 'make wsgi.py with "from shop import create_app; app = create_app(...)"'
    assert caught.value.next == expected


def test_several_factories_ask_which(make: Make) -> None:
    text = "from fastapi import FastAPI\ndef {}():\n    return FastAPI()\n"
    root = make({"a.py": text.format("site"), "b.py": text.format("admin")})
    with pytest.raises(Ambiguous) as caught:
        detect(root)
    assert caught.value.candidates == ("a:site()", "b:admin()")


@pytest.mark.parametrize(
    ("text", "framework", "interface"),
    [
        ("from litestar import Litestar\napp = Litestar([])\n", "Litestar", "asgi"),
        ("from quart import Quart\napp = Quart(__name__)\n", "Quart", "asgi"),
        ("async def app(scope, receive, send):\n    ...\n", "ASGI", "asgi"),
        ("def app(environ, start_response):\n    ...\n", "WSGI", "wsgi"),
    ],
)
def test_other_kinds_of_apps(make: Make, text: str, framework: str, interface: str) -> None:
    found = detect(make({"main.py": text}))
    assert (found.app, found.interface) == ("main:app", interface)
    assert kinds(found)["framework"] == framework


def test_middleware_is_not_the_app_where_one_is_named_so(make: Make) -> None:
    text = "async def {}(scope, receive, send):\n    ...\n"
    files = {"main.py": text.format("app"), "logging.py": text.format("logged")}
    assert detect(make(files)).app == "main:app"


def test_flask_migrate_is_told_the_app(make: Make) -> None:
    app = "from flask import Flask\ndef create_app():\n    return Flask(__name__)\n"
    migrations = {
        "migrations/alembic.ini": "[alembic]\n",
        "migrations/env.py": "from flask import current_app\n",
        "migrations/versions/1_first.py": "",
    }
    found = detect(make({"shop.py": app, **migrations}))
    assert found.migrate == "flask --app shop:create_app db upgrade"
    assert kinds(found)["migrations"] == "Flask-Migrate, 1 revision"


def test_a_health_page_of_litestar(make: Make) -> None:
    text = (
        "from litestar import Litestar, get\n@get('/health')\nasync def health() -> str:\n"
        "    return 'ok'\napp = Litestar([health])\n"
    )
    assert detect(make({"main.py": text})).health == "/health"


def test_an_empty_project_says_what_would_be_recognised(make: Make) -> None:
    with pytest.raises(UsageError, match="no app of Django, FastAPI, Starlette, Litestar"):
        detect(make({"main.py": "print('hello')"}))


def test_two_apps_ask_which(make: Make) -> None:
    root = make({"admin.py": FASTAPI, "site/main.py": FASTAPI})
    with pytest.raises(Ambiguous) as caught:
        detect(root)
    assert caught.value.candidates == ("admin:app", "site.main:app")
    assert detect(root, app="site.main:app").app == "site.main:app"
    with pytest.raises(UsageError, match="there is no app other:app here"):
        detect(root, app="other:app")


def test_a_mounted_app_is_not_the_app(make: Make) -> None:
    root = make(
        {
            "api.py": FASTAPI,
            "main.py": "from fastapi import FastAPI\nimport api\napp = FastAPI()\n"
            "admin = FastAPI()\napp.mount('/api', api.app)\napp.mount('/admin', app=admin)\n",
        }
    )
    assert detect(root).app == "main:app"


def test_apps_of_tests_and_examples_are_not_the_app(make: Make) -> None:
    files = {"tests/app.py": FASTAPI, "examples/one.py": FASTAPI, "test_x.py": FASTAPI}
    assert detect(make({"main.py": FASTAPI, **files})).app == "main:app"


def test_an_app_below_main_is_not_importable(make: Make) -> None:
    text = "from fastapi import FastAPI\nif __name__ == '__main__':\n    app = FastAPI()\n"
    with pytest.raises(UsageError):
        detect(make({"main.py": text}))


def test_installed_code_and_hidden_folders_are_not_the_project(make: Make) -> None:
    root = make({"main.py": FASTAPI, ".tox/x.py": FASTAPI, "env3/lib/y.py": FASTAPI})
    (root / "env3/pyvenv.cfg").touch()
    (root / "node_modules").mkdir()
    (root / "node_modules/z.py").write_text(FASTAPI)
    assert detect(root).app == "main:app"


def test_nothing_of_the_project_is_run(make: Make, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    detect(make({"main.py": trap + FASTAPI, "manage.py": trap, "conftest.py": trap}))
    assert not (tmp_path / "ran").exists()


def test_files_that_are_no_python_do_not_matter(make: Make) -> None:
    root = make({"main.py": FASTAPI, "broken.py": "from fastapi import FastAPI\napp = FastAPI(("})
    (root / "latin.py").write_bytes(b"# FastAPI \xe9")
    (root / "loop.py").symlink_to("loop.py")
    assert detect(root).app == "main:app"


def test_a_src_layout_names_its_import_folder(make: Make) -> None:
    found = detect(make({"src/shop/__init__.py": "", "src/shop/main.py": FASTAPI}))
    assert (found.app, found.pythonpath) == ("shop.main:app", ("src",))


def test_a_folder_that_imports_its_neighbours_by_bare_names_is_an_import_folder(make: Make) -> None:
    files = {"backend/main.py": f"import models\n{FASTAPI}", "backend/models.py": ""}
    found = detect(make(files))
    assert (found.app, found.pythonpath) == ("main:app", ("backend",))


def test_a_folder_without_init_is_a_package_of_the_project(make: Make) -> None:
    files = {"app/main.py": f"from app.models import X\n{FASTAPI}", "app/models.py": ""}
    found = detect(make(files))
    assert (found.app, found.pythonpath) == ("app.main:app", ())


def test_static_mounts(make: Make) -> None:
    root = make(
        {
            "shop/__init__.py": "",
            "shop/paths.py": "from pathlib import Path\nHERE = Path(__file__).resolve().parent\n",
            "shop/main.py": """
                import os
                from fastapi import FastAPI
                from fastapi.staticfiles import StaticFiles
                from starlette.routing import Mount
                from shop.paths import HERE
                app = FastAPI(routes=[Mount("/img/", app=StaticFiles(directory="images"))])
                app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
                SCRIPTS = os.path.join(os.path.dirname(__file__), "js")
                app.mount("/js", StaticFiles(directory=SCRIPTS))
                app.mount("/docs", StaticFiles(directory="pages", html=True))
                app.mount("/media", StaticFiles(directory=os.environ["MEDIA"]))
                app.mount("/", StaticFiles(directory="images"))
                app.mount("/gone", StaticFiles(directory="gone"))
                """,
        }
    )
    for name in ("shop/static", "shop/js", "images", "pages"):
        (root / name).mkdir(parents=True)
    found = detect(root)
    assert dict(found.assets) == {
        "/img": "images",
        "/static": "shop/static",
        "/js": "shop/js",
    }
    assert [fact for fact in facts(found) if "/media" in fact] == [
        "the static files of /media (shop/main.py:12) are not in a folder of the project"
    ]


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("@app.get('/healthz')\ndef h(): ...", "/healthz"),
        ("@app.get('/health')\ndef h(): ...\n@app.get('/readyz')\ndef r(): ...", "/readyz"),
        ("@app.route('/ping')\ndef h(): ...", "/ping"),
        ("r = APIRouter()\n@r.get('/healthz')\ndef h(): ...\napp.include_router(r)", "/healthz"),
        ("r = APIRouter(prefix='/api')\n@r.get('/health')\ndef h(): ...\napp.include_router(r)",
         "/api/health"),
        ("r = APIRouter()\n@r.get('/health')\ndef h(): ...\napp.include_router(r, prefix='/v1')",
         None),
        ("r = APIRouter()\n@r.get('/health')\ndef h(): ...", None),
        ("client.get('/healthz')", None),
        ("@app.get('/healthy-food')\ndef h(): ...", None),
    ],
)  # fmt: skip
def test_health_pages(make: Make, text: str, page: str | None) -> None:
    text = f"from fastapi import APIRouter\n{FASTAPI}{text}\n"
    assert detect(make({"main.py": text})).health == page


def test_a_starlette_route_is_a_health_page(make: Make) -> None:
    text = """
        from starlette.applications import Starlette
        from starlette.routing import Route
        app = Starlette(routes=[Route("/livez", lambda request: None)])
        """
    assert detect(make({"main.py": text})).health == "/livez"


def test_alembic(make: Make) -> None:
    files = {"main.py": FASTAPI, "alembic.ini": "", "alembic/versions/1_a.py": ""}
    found = detect(make(files, ("alembic-1.16.0", "uvicorn-0.35.0")))
    assert found.migrate == "alembic upgrade head"
    assert kinds(found)["migrations"] == "Alembic, 1 revision"
    assert found.notes == ()


def test_alembic_below_another_folder_and_with_a_fixed_database(make: Make) -> None:
    files = {
        "main.py": FASTAPI,
        "db/alembic.ini": "sqlalchemy.url = postgresql://localhost/x\n",
        "db/alembic/env.py": "from alembic import context\n",
    }
    found = detect(make(files, ("uvicorn-0.35.0",)))
    assert found.migrate == "alembic -c db/alembic.ini upgrade head"
    assert facts(found) == [
        "alembic is not installed in .venv",
        "db/alembic.ini names a fixed database",
    ]


def test_another_folder_with_the_environment_is_named(make: Make) -> None:
    root = make({"main.py": FASTAPI, "uv.lock": ""}, ("uvicorn-0.35.0",), venv="venv")
    found = detect(root)
    assert found.python == "venv/bin/python"
    assert kinds(found)["requirements"] == "0 packages locked"


def test_missing_environment_and_server_are_told(make: Make) -> None:
    assert facts(detect(make({"main.py": FASTAPI}))) == [
        "there is no virtual environment (.venv), and no file that says which packages are needed"
    ]
    found = detect(make({"main.py": FASTAPI}, ("fastapi-0.116.0",)))
    assert facts(found) == ["no ASGI server that Tenfold can run is in .venv"]
    assert found.notes[0].then == ".venv/bin/pip install uvicorn"


def test_a_database_that_the_app_will_not_find_is_told(make: Make) -> None:
    engine = "from sqlalchemy.ext.asyncio import create_async_engine\n"
    installed = ("uvicorn-0.35.0", "SQLAlchemy-2.0.0", "asyncpg-0.30")
    root = make({"main.py": FASTAPI, "db.py": f"{engine}create_async_engine('x')"}, installed)
    assert facts(detect(root)) == ["nothing in the project mentions DATABASE_URL"]
    (root / "db.py").write_text(f"{engine}create_async_engine(environ['DATABASE_URL'])")
    assert facts(detect(root)) == ["db.py makes an asynchronous engine"]
    (root / "db.py").write_text(
        f"{engine}url = environ['DATABASE_URL'].replace('postgresql:', 'postgresql+asyncpg:')"
        "\ncreate_async_engine(url)"
    )
    assert facts(detect(root)) == []


def test_variables_for_development_are_told(make: Make) -> None:
    found = detect(make({"main.py": FASTAPI, ".env": "KEY=1"}, ("uvicorn-0.35.0",)))
    assert facts(found) == [".env holds variables for development"]


def test_the_name_is_that_of_the_project(make: Make) -> None:
    root = make({"main.py": FASTAPI, "pyproject.toml": '[project]\nname = "My_Shop"\n'})
    assert detect(root).name == "my-shop"
    (root / "pyproject.toml").write_text("not toml [")
    assert detect(root).name == "bakery"


def test_flask_serves_its_static_folder(make: Make) -> None:
    root = make(
        {"shop/app.py": "from flask import Flask\napp = Flask(__name__)\n", "shop/static/a.css": ""}
    )
    found = detect(root)
    assert found.assets == (("/static", "shop/static"),)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_a_folder_that_cannot_be_entered_does_not_matter(make: Make) -> None:
    root = make({"main.py": FASTAPI, "closed/x.py": FASTAPI})
    (root / "closed").chmod(0)
    try:
        assert detect(root).app == "main:app"
    finally:
        (root / "closed").chmod(0o755)


@pytest.mark.parametrize(
    ("files", "what", "where"),
    [
        (
            {
                "requirements.txt": "# web\nfastapi==1\nuvicorn[standard]\n-r more.txt\n-i x\n",
                "more.txt": "-r requirements.txt\nhttpx\n-e ./lib\n",
            },
            "4 packages required",
            "requirements.txt",
        ),
        ({"requirements.txt": "fastapi\n"}, "1 package required", "requirements.txt"),
        (
            {
                "requirements.txt": "fastapi\n",
                "uv.lock": '[[package]]\nname = "a"\n\n[[package]]\nname = "b"\n',
            },
            "2 packages locked",
            "uv.lock",
        ),
        (
            {"pyproject.toml": '[project]\nname = "x"\ndependencies = ["a", "b", "c"]\n'},
            "3 packages required",
            "pyproject.toml",
        ),
    ],
)
def test_the_packages_that_the_project_asks_for_are_counted(
    make: Make, files: dict[str, str], what: str, where: str
) -> None:
    found = detect(make({"main.py": FASTAPI, **files}, ("uvicorn-0.35.0",)))
    assert [(i.what, i.where) for i in found.items if i.kind == "requirements"] == [(what, where)]
