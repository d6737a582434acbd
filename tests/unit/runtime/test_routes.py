from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tenfold.runtime import routes


@dataclass
class Matched:
    """A route as Starlette leaves it in the scope."""

    path: str
    param_convertors: dict[str, Any] = field(default_factory=dict)


def test_a_request_that_matched_nothing() -> None:
    assert routes.of_scope({"path": "/guess/123"}) == "unmatched"


def test_the_template_of_a_route() -> None:
    route = Matched("/items/{id}", {"id": str})
    assert routes.of_scope({"route": route, "path_params": {"id": "7"}}) == "/items/{id}"


def test_the_prefix_of_an_included_router() -> None:
    scope = {
        "route": Matched("/items/{id}", {"id": str}),
        "path_params": {"id": "7"},
        "fastapi": {"effective_route_context": Matched("/api/v1/items/{id}")},
    }
    assert routes.of_scope(scope) == "/api/v1/items/{id}"


def test_the_path_of_a_mount_belongs_to_the_template() -> None:
    scope = {
        "route": Matched("/items"),
        "app_root_path": "/behind/a/proxy",
        "root_path": "/behind/a/proxy/shop",
    }
    assert routes.of_scope(scope) == "/shop/items"


def test_a_mount_with_parameters_is_left_out_because_they_are_unbounded() -> None:
    scope = {
        "route": Matched("/items/{id}", {"id": str}),
        "path_params": {"tenant": "acme", "id": "7"},
        "app_root_path": "",
        "root_path": "/acme",
    }
    assert routes.of_scope(scope) == "/items/{id}"


def test_a_route_of_an_unknown_kind() -> None:
    assert routes.of_scope({"route": object()}) == "unmatched"


def test_flask() -> None:
    request = SimpleNamespace(url_rule=SimpleNamespace(rule="/items/<int:id>"))
    assert routes.of_environ({"werkzeug.request": request}) == "/items/<int:id>"
    assert routes.of_environ({"werkzeug.request": SimpleNamespace(url_rule=None)}) == "unmatched"


def test_an_environ_that_tells_nothing() -> None:
    assert routes.of_environ({"PATH_INFO": "/guess/123"}) == "unmatched"


class Handler:
    """As Django's handler, whose module it pretends to be from."""

    __module__ = "django.core.handlers.base"

    def resolve_request(self, request: Any) -> Any:
        return SimpleNamespace(route="articles/<int:id>/")


def test_django_leaves_its_route_in_the_environ() -> None:
    handler, environ = Handler(), {"PATH_INFO": "/articles/3/"}
    routes.watch_django(handler)
    match = handler.resolve_request(SimpleNamespace(environ=environ))
    assert match.route == "articles/<int:id>/"
    assert routes.of_environ(environ) == "/articles/<int:id>/"


def test_django_leaves_its_route_in_the_scope() -> None:
    handler, scope = Handler(), {"path": "/articles/3/"}
    routes.watch_django(handler)
    handler.resolve_request(SimpleNamespace(scope=scope))
    assert routes.of_scope(scope) == "/articles/<int:id>/"


def test_other_apps_are_left_alone() -> None:
    class App:
        def resolve_request(self, request: Any) -> str:
            return "mine"

    app = App()
    routes.watch_django(app)
    assert vars(app) == {}
