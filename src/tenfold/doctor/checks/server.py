"""The app's server: what it cannot give, and whether a command does as one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from posixpath import basename
from typing import Final

from tenfold.doctor.facts import ProjectFacts
from tenfold.doctor.model import Seen, check
from tenfold.spec.detect.hints import Hint
from tenfold.stages.facts import INTERFACES_OF

_TAKES_PORT: Final = re.compile(r"\{port\}|\$\{?PORT\b")
_PORT: Final = re.compile(r"(?:[\w.*\[\]-]*:)?(\d{2,5})")
_OPTIONS: Final = frozenset({
    "-p", "-b", "-l", "--port", "--bind", "--listen", "--http", "--http-socket", "--address",
    "runserver",
})  # fmt: skip
_ALWAYS: Final[Mapping[str, int]] = {
    "uvicorn": 8000, "hypercorn": 8000, "daphne": 8000, "granian": 8000, "runserver": 8000,
    "waitress-serve": 8080, "flask": 5000,
}  # fmt: skip
"""Where servers listen that are not told, and that do not read ``PORT``."""
_BACKGROUND: Final = frozenset({"--daemon", "-D", "--daemonize", "--detach", "--background"})
_MODULE: Final = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")


@check("project.server-costs", "the app's server cannot give all guarantees", bites="advice")
def costs(facts: ProjectFacts) -> Iterator[Seen]:
    """A server that cannot be handed a socket stands behind a door, a small nginx of its own. No
    request fails for that, but what only works from inside the process is lost; `tenfold plan` says
    the same. Looked for: granian, and `command`. Where a command starts a server that Tenfold has
    an adapter for, that would lose nothing."""
    if facts.costs:
        fix = "keep it; or a server that loses nothing: uvicorn, gunicorn, hypercorn"
        if facts.command is not None:
            fix = _instead(facts.command) or f'{fix}, with app = "module:attribute"'
        yield Seen("the app's server cannot give all guarantees", facts.costs, fix, bites=None)


def _instead(command: str) -> str | None:
    """The keys that start the same server with its adapter."""
    hint = Hint("web", command, "tenfold.toml")
    if hint.server not in INTERFACES_OF:
        return None
    entry = hint.entry or (_wsgi(hint) if hint.server == "gunicorn" else None)
    if entry is None:
        return None
    return f'app = "{entry}"      in place of command\n[server]\nkind = "{hint.server}"'


def _wsgi(hint: Hint) -> str | None:
    """``shop.wsgi`` alone is what gunicorn takes for ``shop.wsgi:application``."""
    last = hint.words[-1]
    return f"{last}:application" if _MODULE.fullmatch(last) and "." in last else None


@check("project.command", "the command does not do as a server", bites="now")
def command(facts: ProjectFacts) -> Iterator[Seen]:
    """A command has to listen at the `HOST` and `PORT` that it is given, which are others for each
    release, and to stay in the foreground. `up` and `deploy` fail where it does not.

    Looked for: the program, its module and package, in the app's environment and on the system's
    PATH; a port that is written out, or that the server takes by itself; an option that puts it
    into the background; servers that restart themselves when a file changes.
    """
    if facts.command is None:
        return
    told = (f'tenfold.toml command = "{facts.command}"',)
    for what, fix in _problems(facts.command, facts.lacking):
        yield Seen(what, told, fix)


def _problems(command: str, lacking: tuple[str, str] | None) -> Iterator[tuple[str, str]]:
    words = shlex.split(command)
    if lacking is not None:
        yield lacking
    if not _TAKES_PORT.search(command):
        yield from _listens(words)
    left = _BACKGROUND & set(words)
    if left:
        yield f"{min(left)} puts the server into the background", "leave it out"
    names = [basename(word) for word in words]
    if "--reload" in names or ("runserver" in names and "--noreload" not in names):
        fix = "gunicorn or uvicorn in its place" if "runserver" in names else "leave --reload out"
        yield "the server is one for development: it watches files and restarts itself", fix


def _listens(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    written = _written(words)
    if written is not None:
        yield f"the server listens at port {written}, whatever PORT says", "{port} in its place"
        return
    names = [basename(word) for word in words[:4]]
    for name, port in _ALWAYS.items():
        if name in names:
            yield f"{name} listens at port {port} unless it is told another", _told(name)
            return


def _told(name: str) -> str:
    return {
        "runserver": "runserver {host}:{port}",
        "hypercorn": "hypercorn --bind {host}:{port}",
        "daphne": "daphne -b {host} -p {port}",
        "flask": "flask run --host {host} --port {port}",
    }.get(name, f"{name} --host {{host}} --port {{port}}")


def _written(words: Sequence[str]) -> str | None:
    """The port that one of the words names."""
    for before, word in zip(["", *words], words, strict=False):
        option, equals, value = word.partition("=")
        candidate = value if option in _OPTIONS and equals else word
        named = candidate is value or before in _OPTIONS
        alone = ":" in word and not before.startswith("-")
        found = _PORT.fullmatch(candidate) if named or alone else None
        if found:
            return found[1]
    return None


CHECKS: Final = (costs, command)
