"""Settings that strangers should not meet: debugging, any host name, keys that everybody knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import AppFacts
from tenfold.doctor.model import Seen, check
from tenfold.doctor.reading import calls, keyword
from tenfold.doctor.settings import UNKNOWN, Setting, assumed, configured, of_django, variable_of

_DEBUG = re.compile(r"debug", re.IGNORECASE)
_SECRET = re.compile(r"(?:\w+_)?secret(?:_key)?|(?:jwt|signing)_?key|jwt_secret\w*", re.IGNORECASE)
_RANDOM = re.compile(
    r"(?:secrets\.token_\w+|os\.urandom|uuid4|get_random_secret_key|Fernet\.generate_key)\("
)
_DEBUG_VARIABLES = ("DEBUG", "FLASK_DEBUG", "DJANGO_DEBUG", "APP_DEBUG")
_MIDDLEWARE = ("SessionMiddleware", "CookieSessionMiddleware", "add_middleware")
_FRAMEWORKS = (
    "fastapi.FastAPI",
    "starlette.applications.Starlette",
    "litestar.Litestar",
    "quart.Quart",
)
_ELSEWHERE = ("from_prefixed_env", "from_envvar", "from_pyfile", "from_file", "from_object")


@check("app.debug", "errors show the app's code to visitors", bites="100; now on a public address")
def debug(facts: AppFacts) -> Iterator[Seen]:
    """With debugging on, an error page shows source code, settings and values of variables to
    whoever caused the error, and some frameworks keep every query in memory.

    Looked for: `DEBUG` in the settings that Django serves with, `debug=True` where a FastAPI,
    Starlette, Litestar or Quart app is made, `app.debug` and `config["DEBUG"]`, and variables in
    `[env]`. Where the value depends on an environment variable, it is taken as it is when nobody
    sets that. `app.run(debug=True)` does not count: Tenfold does not call it.
    """
    places = [
        f"{facts.at(s.module, s.node)}{_unless(s, facts)}"
        for s in _debug_settings(facts)
        if assumed(s.value, facts.given) is True
    ]
    places += [
        facts.at(module, call)
        for module in facts.modules
        for call, origin in calls(module)
        if origin in _FRAMEWORKS
        if (given := keyword(call, "debug")) is not None and assumed(given, facts.given) is True
    ]
    places += [
        f"tenfold.toml [env] {name}"
        for name in _DEBUG_VARIABLES
        if (facts.given.get(name) or "").lower() in ("1", "true", "yes", "on")
    ]
    if places:
        fix = 'DEBUG = os.environ.get("DEBUG") == "1"      and do not set DEBUG in [env]'
        yield Seen("debugging is on", tuple(dict.fromkeys(places)), fix, bites=facts.exposed)


def _debug_settings(facts: AppFacts) -> Iterator[Setting]:
    found = of_django(facts, "DEBUG")
    if found is not None:
        yield found
    elif facts.django is None:
        # Constants and pydantic's settings of that name need not reach the framework.
        found_all = configured(facts, _DEBUG)
        yield from (s for s in found_all if not s.constant and s.variable is None)


def _unless(setting: Setting, facts: AppFacts) -> str:
    asked = next(filter(None, map(variable_of, _expressions(setting.value))), None)
    if asked is None or asked[0] in facts.given:
        return ""
    return f" (unless {asked[0]} is set)"


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.expr))


@check("app.any-host", "any host name is accepted", bites="100; now on a public address")
def any_host(facts: AppFacts) -> Iterator[Seen]:
    """With `ALLOWED_HOSTS = ["*"]` an app believes whatever host name a request brings. Links in
    mails, such as those that reset a password, then lead where an attacker wants, and caches can be
    made to keep such pages. Tenfold's edge hands the name on as the client sent it.

    Looked for: `ALLOWED_HOSTS` of the settings that Django serves with, and `allowed_hosts` of
    Starlette's and FastAPI's `TrustedHostMiddleware`.
    """
    places = []
    setting = of_django(facts, "ALLOWED_HOSTS")
    if setting is not None and _has_star(setting.value, facts):
        places.append(f"{facts.at(setting.module, setting.node)}{_unless(setting, facts)}")
    for module in facts.modules:
        for call, _ in calls(module):
            if "TrustedHostMiddleware" in ast.unparse(call):
                hosts = keyword(call, "allowed_hosts")
                if hosts is not None and _has_star(hosts, facts):
                    places.append(facts.at(module, call))
    if places:
        fix = 'ALLOWED_HOSTS = ["www.example.org", "127.0.0.1"]      the names that you have'
        yield Seen("any host name is accepted", tuple(dict.fromkeys(places)), fix, facts.exposed)


def _has_star(node: ast.expr, facts: AppFacts) -> bool:
    found = assumed(node, facts.given)
    return isinstance(found, list) and "*" in found


@check(
    "app.known-secret", "a secret is written in the source", bites="100; now on a public address"
)
def known_secret(facts: AppFacts) -> Iterator[Seen]:
    """Whoever can read the source can sign with that key: sessions of any user, tokens, links that
    reset passwords. A key that stands in for a variable which nobody sets is used as well.

    Looked for: `SECRET_KEY` and its like in the settings that are served, in `app.config`, in
    config classes, in `SessionMiddleware(secret_key=...)`, and what stands in for an environment
    variable that `[env]` does not give. The key itself is not shown.
    """
    places = [
        f"{facts.at(s.module, s.node)} {s.name}" for s in _secrets(facts) if _is_known(s, facts)
    ]
    if places:
        fix = (
            'SECRET_KEY = os.environ["SECRET_KEY"]      and a new key:\n'
            '[env]\nSECRET_KEY = "${SECRET_KEY}"'
        )
        yield Seen("a secret can be read in the source", _once(places), fix, facts.exposed)


def _is_known(setting: Setting, facts: AppFacts) -> bool:
    found = assumed(setting.value, facts.given)
    return isinstance(found, str) and bool(found) and not _is_given(setting, facts)


def _is_given(setting: Setting, facts: AppFacts) -> bool:
    """Whether a variable that is set has to do with the value, whatever function asks for it."""
    texts = {node.value for node in ast.walk(setting.value) if isinstance(node, ast.Constant)}
    return setting.variable in facts.given or any(t in facts.given for t in texts)


@check("app.random-secret", "a key that signs is made anew at each start", bites="now")
def random_secret(facts: AppFacts) -> Iterator[Seen]:
    """A key that is drawn when the app is imported is another one in each worker, and after each
    deploy. What one worker signed, the next one does not believe: users are logged out at random.

    Looked for: the same settings as for `app.known-secret`, whose value comes from `secrets`,
    `os.urandom`, `uuid4` or Django's `get_random_secret_key`.
    """
    places = [
        f"{facts.at(s.module, s.node)} {s.name}"
        for s in _secrets(facts)
        if _RANDOM.search(ast.unparse(s.value))
        if not _is_given(s, facts)
    ]
    if places:
        fix = 'SECRET_KEY = os.environ["SECRET_KEY"]\n[env]\nSECRET_KEY = "${SECRET_KEY}"'
        yield Seen("every worker draws its own key", _once(places), fix)


def _secrets(facts: AppFacts) -> Iterator[Setting]:
    if facts.django is not None:
        found = of_django(facts, "SECRET_KEY")
        if found is not None:
            yield found
        return
    yield from configured(facts, _SECRET)
    for module in facts.modules:
        for call, _ in calls(module):
            given = keyword(call, "secret_key")
            if given is not None and ast.unparse(call.func).endswith(_MIDDLEWARE):
                yield Setting("secret_key", module, call, given)


@check("app.no-secret", "there is no key to sign with", bites="now")
def no_secret(facts: AppFacts) -> Iterator[Seen]:
    """Django does not start without `SECRET_KEY`; Flask answers 500 as soon as a view uses
    `session` or `flash`.

    Looked for: Django settings that assign no key or an empty one, and Flask apps that use
    `session`, `flash`, Flask-Login or Flask-WTF while nothing sets a key. Where the configuration
    is read from a file or an object that cannot be seen, nothing is said.
    """
    if facts.django is not None:
        setting = of_django(facts, "SECRET_KEY")
        found = UNKNOWN if setting is None else assumed(setting.value, facts.given)
        mentioned = "SECRET_KEY" in facts.django.source
        if (setting is None and not mentioned) or found == "" or (setting and found is None):
            where = (
                facts.at(setting.module, setting.node) if setting else facts.django.settings_name
            )
            fix = 'SECRET_KEY = os.environ["SECRET_KEY"]\n[env]\nSECRET_KEY = "${SECRET_KEY}"'
            yield Seen("Django has no SECRET_KEY and will not start", (where,), fix)
        return
    yield from _flask_without(facts)


def _flask_without(facts: AppFacts) -> Iterator[Seen]:
    sources = [m.text for m in facts.modules]
    if any(word in s for s in sources for word in _ELSEWHERE):
        return
    if any(re.search(r"secret_?key", s, re.IGNORECASE) for s in sources):
        return
    signs = ("flask.session", "flask.flash", "flask_login.LoginManager", "flask_wtf.FlaskForm")
    places = [
        f"{facts.project.shown(module.path)} uses {origin.rpartition('.')[2]}"
        for module in facts.modules
        for origin in module.imports.values()
        if origin in signs
    ]
    if places:
        fix = 'app.secret_key = os.environ["SECRET_KEY"]\n[env]\nSECRET_KEY = "${SECRET_KEY}"'
        yield Seen("Flask has no secret key, but signs with it", tuple(places), fix)


def _once(places: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(places))


CHECKS: Final = (debug, any_host, known_secret, random_secret, no_secret)
