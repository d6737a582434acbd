"""Which route template answered a request, read off what frameworks leave behind. Never guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .metrics import UNMATCHED

_KEY: Final = "tenfold.route"


def of_scope(scope: dict[str, Any]) -> str:
    """The template after an ASGI call, with the path of the mount it lies in."""
    route = scope.get("route")
    if route is None:
        found: str = scope.get(_KEY, UNMATCHED)
        return found
    # FastAPI leaves a router's own route in the scope, without the prefix it was included with;
    # the full template is in its "effective route".
    effective = (scope.get("fastapi") or {}).get("effective_route_context")
    path = getattr(effective or route, "path", None)
    return _mounted(scope, route, path) if type(path) is str else UNMATCHED


def _mounted(scope: dict[str, Any], route: Any, path: str) -> str:
    """A mount's path belongs to the template unless it has parameters, which are unbounded."""
    own = getattr(route, "param_convertors", {})
    if own.keys() != scope.get("path_params", {}).keys():
        return path
    root: str = scope.get("root_path", "")
    return root.removeprefix(scope.get("app_root_path", root)) + path


def of_environ(environ: dict[str, Any]) -> str:
    """The template after a WSGI call of Django (see :func:`watch_django`) or Flask."""
    found = environ.get(_KEY)
    if found is None:
        # Werkzeug leaves the request in the environ, Flask the matched rule in the request.
        rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
        found = getattr(rule, "rule", None)
    return found if type(found) is str else UNMATCHED


def watch_django(app: Any) -> None:
    """Make this Django handler leave the route it resolved in the request's environ or scope.

    Does nothing for any other app.
    """
    resolve: Callable[[Any], Any] | None = getattr(app, "resolve_request", None)
    is_django = any(c.__module__.startswith("django.") for c in type(app).__mro__)
    if resolve is None or not is_django:
        return

    def resolve_request(request: Any) -> Any:
        match = resolve(request)
        carrier = getattr(request, "environ", None) or getattr(request, "scope", None)
        if type(carrier) is dict:
            carrier[_KEY] = f"/{match.route}"
        return match

    app.resolve_request = resolve_request
