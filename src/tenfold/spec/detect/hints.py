"""What other tools were told about the app: ``Procfile`` and ``Dockerfile``. Hints, no more.

They decide where the sources alone leave a choice. What they start besides the web process is for
:mod:`.workers`.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tenfold.spec.detect.found import Candidate, Interface, Note, Part
from tenfold.spec.detect.project import Project

_PROCESS = re.compile(r"^([A-Za-z0-9_-]+):\s*(\S.*)$")
_ENTRY = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*:[A-Za-z_]\w*(?:\(\))?")
_SERVERS: dict[str, Interface] = {
    "uvicorn": "asgi",
    "hypercorn": "asgi",
    "daphne": "asgi",
    "granian": "asgi",
    "gunicorn": "wsgi",
    "waitress-serve": "wsgi",
    "uwsgi": "wsgi",
}
# Those that are started with an adapter, and those that a command has to start.
_ADAPTED = ("uvicorn", "gunicorn", "hypercorn", "granian")
_NAMED = ("hypercorn", "granian")
_ASGI_WORKER = re.compile(r"uvicorn\S*worker", re.IGNORECASE)
_MIGRATES = re.compile(r"\b(migrate|db upgrade|upgrade head)\b")


@dataclass(frozen=True, slots=True)
class Hint:
    """A process of the app by name, its command, and the file that says so."""

    process: str
    command: str
    where: str

    @property
    def words(self) -> list[str]:
        """The command's words, as a shell would have them."""
        try:
            return shlex.split(self.command)
        except ValueError:
            return self.command.split()

    @property
    def server(self) -> str | None:
        """The server that it starts, if it starts one that is known."""
        names = (word.rpartition("/")[2] for word in self.words)
        return next((name for name in names if name in _SERVERS), None)

    @property
    def entry(self) -> str | None:
        """The app that its server is given, as ``module:attribute``."""
        server = self.server
        if server is None:
            return None
        names = [word.rpartition("/")[2] for word in self.words]
        after = self.words[names.index(server) + 1 :]
        return next((word for word in after if _ENTRY.fullmatch(word)), None)

    @property
    def interface(self) -> Interface:
        """What its server speaks to the app."""
        if _ASGI_WORKER.search(self.command):
            return "asgi"
        return _SERVERS.get(self.server or "", "wsgi")


def hints(project: Project) -> tuple[Hint, ...]:
    """Every process that is named, those of the ``Procfile`` first."""
    return (*_procfile(project), *_dockerfile(project))


def chosen(candidates: tuple[Candidate, ...], known: tuple[Hint, ...]) -> tuple[Candidate, ...]:
    """Only the candidate that is served elsewhere, if one of them is; else all of them."""
    entries = [hint.entry for hint in known if hint.entry]
    for entry in entries:
        named = [c for c in candidates if c.entry == entry]
        if named:
            return tuple(named)
    return candidates


def told(project: Project, known: tuple[Hint, ...]) -> tuple[Candidate, ...]:
    """What is served elsewhere, for a project whose sources do not tell what its app is."""
    for hint in known:
        name = (hint.entry or "").partition(":")[0]
        module = project.named(name) or project.named(f"src.{name}") if name else None
        if module is not None and hint.entry:
            return (
                Candidate(
                    entry=hint.entry,
                    framework=hint.interface.upper(),
                    interface=hint.interface,
                    file=module.path,
                    line=1,
                    pythonpath="src" if module.path.is_relative_to(project.root / "src") else "",
                ),
            )
    return ()


def look(known: tuple[Hint, ...], packages: Collection[str]) -> Part:
    """A migration that runs at each release there, and the server.

    Args:
        known: what is hinted.
        packages: what the app's environment has.
    """
    command = next((h.command for h in known if h.process == "release"), "")
    migrates = command if _MIGRATES.search(command) and _is_plain(command) else None
    web = next((h for h in known if h.process == "web" and h.server in packages_of(packages)), None)
    return Part(
        migrate=migrates,
        kind=web.server if web and web.server in _NAMED else None,
        command=_command(web, packages) if web else None,
        notes=tuple(_notes(known, migrates)),
    )


def packages_of(packages: Collection[str]) -> frozenset[str]:
    """The servers among these packages, as they are called to start them."""
    return frozenset(s for s in _SERVERS if s.removesuffix("-serve") in packages)


def _command(web: Hint, packages: Collection[str]) -> str | None:
    """What starts a server without an adapter at a port, where the environment has no other."""
    if web.server in _ADAPTED or any(s in packages for s in _ADAPTED):
        return None
    words = web.command.replace("0.0.0.0", "{host}")  # noqa: S104 - replaced, not listened on
    return words if "PORT" in words and not re.search(r"[;&|<>`]", words) else None


def _notes(known: tuple[Hint, ...], migrates: str | None) -> Iterator[Note]:
    for hint in known:
        if hint.process == "release" and migrates is None:
            yield Note(
                f"{hint.where} runs at each release: {hint.command}",
                "[release] build runs before a release is frozen, migrate before it serves",
            )


def _is_plain(command: str) -> bool:
    return not re.search(r"[;&|<>$`]", command)


def _procfile(project: Project) -> Iterator[Hint]:
    for line in _lines(project, "Procfile"):
        found = _PROCESS.match(line.strip())
        if found:
            yield Hint(found[1], found[2].strip(), "Procfile")


def _dockerfile(project: Project) -> Iterator[Hint]:
    """The last ``ENTRYPOINT`` and ``CMD`` together are what a container runs."""
    parts: dict[str, str] = {}
    pending = ""
    for line in _lines(project, "Dockerfile"):
        text = pending + line.strip()
        if text.endswith("\\"):
            pending = text[:-1]
            continue
        pending = ""
        keyword, _, rest = text.partition(" ")
        if keyword.upper() in ("CMD", "ENTRYPOINT"):
            parts[keyword.upper()] = _argv(rest.strip())
    command = " ".join(parts[key] for key in ("ENTRYPOINT", "CMD") if key in parts)
    if command:
        yield Hint("web", command, "Dockerfile")


def _argv(text: str) -> str:
    try:
        words = json.loads(text)
    except ValueError:
        return text
    return shlex.join(map(str, words)) if isinstance(words, list) else text


def _lines(project: Project, name: str) -> list[str]:
    try:
        return (project.root / name).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
