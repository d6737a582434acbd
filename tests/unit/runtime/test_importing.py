from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tenfold.runtime import importing
from tenfold.runtime.failures import Interrupted, StartFailed

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module that can be imported; tells its name."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def writing(text: str) -> str:
        name = f"app_under_test_{len(list(tmp_path.iterdir()))}"
        (tmp_path / f"{name}.py").write_text(text)
        return name

    yield writing
    for name in set(sys.modules) - before:
        if name.startswith("app_under_test"):
            del sys.modules[name]


def test_an_attribute(write: Write) -> None:
    assert importing.load(f"{write('app = 7')}:app") == 7


def test_an_attribute_of_an_attribute(write: Write) -> None:
    assert importing.load(f"{write('class site: app = 7')}:site.app") == 7


def test_a_factory(write: Write) -> None:
    assert importing.load(f"{write('def create_app(debug=False): return 7')}:create_app()") == 7


@pytest.mark.parametrize("entry", ["main", "main:", ":app", ""])
def test_what_is_not_an_entry_point(entry: str) -> None:
    with pytest.raises(StartFailed, match="write module:attribute, as in main:app"):
        importing.load(entry)


@pytest.mark.parametrize("entry", ["nowhere:app", "nowhere.inside:app"])
def test_a_module_that_is_not_there(entry: str) -> None:
    with pytest.raises(StartFailed) as caught:
        importing.load(entry)
    assert f'There is no module "nowhere" for the entry point {entry}' in str(caught.value)
    assert sys.executable in str(caught.value)


def test_a_submodule_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app_under_test_package").mkdir()
    (tmp_path / "app_under_test_package/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StartFailed, match=r'no module "app_under_test_package\.main"'):
        importing.load("app_under_test_package.main:app")
    del sys.modules["app_under_test_package"]


def test_a_module_that_the_app_misses_is_told_apart_from_the_app(write: Write) -> None:
    name = write("import nowhere_at_all")
    with pytest.raises(StartFailed) as caught:
        importing.load(f"{name}:app")
    assert f'{name}:app could not be imported: there is no module "nowhere_at_all"' in str(
        caught.value
    )
    assert f'{name}.py", line 1' in str(caught.value)


def test_a_near_miss_is_suggested(write: Write) -> None:
    name = write("def application(): pass\nnumber = 3\ndef other(): pass")
    with pytest.raises(StartFailed, match=r'has no "aplication".* Did you mean application\?'):
        importing.load(f"{name}:aplication")
    with pytest.raises(StartFailed) as caught:
        importing.load(f"{name}:xyz")
    assert "Did you mean" not in str(caught.value)


def test_a_signal_during_the_import_is_not_the_apps_fault(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(name: str) -> None:
        raise Interrupted(0)

    monkeypatch.setattr("importlib.import_module", interrupted)
    with pytest.raises(Interrupted):
        importing.load("main:app")


def test_the_callers_of_a_factory_are_told_what_it_raised(write: Write) -> None:
    name = write("def make():\n    raise ValueError('no configuration')\n")
    with pytest.raises(StartFailed, match="ValueError: no configuration"):
        importing.load(f"{name}:make()")


async def coroutine_app(scope: Any, receive: Any, send: Any) -> None: ...
def wsgi_app(environ: Any, start_response: Any) -> None: ...
def asgi2_app(scope: Any) -> None: ...


class Asgi:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Wsgi:
    def __call__(self, environ: Any, start_response: Any) -> None: ...
    def method(self, environ: Any, start_response: Any) -> None: ...
    async def asgi(self, scope: Any, receive: Any, send: Any) -> None: ...


class Asgi2Class:
    def __init__(self, scope: Any) -> None: ...


class AwaitableClass:
    def __await__(self) -> None: ...


@functools.wraps(coroutine_app)
def decorated(*args: Any) -> Any:
    return coroutine_app(*args)


def forwarding(scope: Any, receive: Any, send: Any) -> Any:
    return coroutine_app(scope, receive, send)


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (coroutine_app, "asgi3"),
        (Asgi(), "asgi3"),
        (Wsgi().asgi, "asgi3"),
        (decorated, "asgi3"),
        (forwarding, "asgi3"),
        (AwaitableClass, "asgi3"),
        (asgi2_app, "asgi2"),
        (Asgi2Class, "asgi2"),
        (wsgi_app, "wsgi"),
        (Wsgi(), "wsgi"),
        (Wsgi().method, "wsgi"),
        (functools.partial(wsgi_app), "wsgi"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_interface(app: Any, expected: str) -> None:
    assert importing.interface(app) == expected
