"""Static site generators: Jekyll, Hugo, Next.js, Pelican, MkDocs, by the files that they ask for.

Their files are read, a line at a time, and never run. Where one names another folder to write into
than the usual one, that folder is taken.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tenfold.errors import UsageError
from tenfold.spec import static
from tenfold.spec.detect.found import Item, Note, Part
from tenfold.spec.detect.installed import Installed

MOST_BYTES: Final = 1 << 20
_NEXT_CONFIG: Final = tuple(f"next.config.{end}" for end in ("js", "mjs", "cjs", "ts", "mts"))
_HUGO: Final = tuple(f"hugo.{end}" for end in ("toml", "yaml", "yml", "json"))
_HUGO_OLD: Final = tuple(f"config.{end}" for end in ("toml", "yaml", "yml", "json"))
_JEKYLL: Final = ("_config.yml", "_config.yaml", "_config.toml")
_MANAGERS: Final = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun"}
_VALUE: Final = r"""(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#,"'][^\n#,]*))"""
_PLAIN_PATH: Final = re.compile(r"[\w./ -]+")
_SCRIPT_COMMENT: Final = re.compile(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Generator:
    """One that was recognised: ``build`` makes the site, ``output`` is where.

    ``fault`` says why it makes no static site as it is set up.
    """

    name: str
    where: str
    build: str
    output: str
    notes: tuple[Note, ...] = ()
    fault: str | None = None
    mend: str = ""


def find(root: Path, environment: Installed) -> tuple[Generator, ...]:
    """Those that a folder is set up for; those that make a static site as it is come first."""
    tried = (recognise(root, environment) for recognise in _RECOGNISERS)
    found = [generator for generator in tried if generator is not None]
    return tuple(sorted(found, key=lambda generator: generator.fault is not None))


def look(found: tuple[Generator, ...]) -> Part:
    """What the first of them adds; others are told of."""
    if not found:
        return Part()
    first, *others = found
    notes = [*first.notes]
    notes += [
        Note(f"{other.where} is {other.name}'s", f"{first.name} is taken; build names another")
        for other in others
    ]
    if first.fault is not None:
        return Part(notes=(Note(first.fault, first.mend), *notes))
    return Part(
        site=(first.build, first.output),
        items=(Item("generator", first.name, first.where),),
        notes=tuple(notes),
    )


def refusal(generator: Generator) -> UsageError:
    """What to say where there is nothing but one that makes no static site as it is."""
    return UsageError(str(generator.fault), next=generator.mend)


def _jekyll(root: Path, _: Installed) -> Generator | None:
    file = _first(root, _JEKYLL)
    gems = (root / "Gemfile").is_file()
    if file is None or not (gems or any((root / d).is_dir() for d in ("_posts", "_layouts"))):
        return None
    text = _text(root / file)
    notes = []
    if "tenfold.toml" not in text:
        add = f"add to {file}:  exclude: [tenfold.toml, dist]"
        has_one = re.search(r"^exclude\s*[:=]", text, re.MULTILINE)
        then = f"add tenfold.toml and dist to exclude in {file}" if has_one else add
        notes.append(Note("Jekyll takes tenfold.toml and dist/ for parts of the site", then))
    build = "bundle exec jekyll build" if gems else "jekyll build"
    return Generator(
        "Jekyll",
        file,
        f"JEKYLL_ENV=production {build}",
        _output(_said(text, "destination"), "_site"),
        tuple(notes),
    )


def _hugo(root: Path, _: Installed) -> Generator | None:
    file = _first(root, _HUGO)
    if file is None and any((root / d).is_dir() for d in ("content", "themes", "archetypes")):
        folder = "config/_default"
        names = (*_HUGO_OLD, *(f"{folder}/{name}" for name in (*_HUGO, *_HUGO_OLD)))
        file = _first(root, names)
    if file is None:
        return None
    text = _text(root / file)
    notes = [
        Note(f"{folder} is empty", "a theme is often a submodule: git submodule update --init")
        for folder in _empty_themes(root)
    ]
    address = _said(text, "baseURL")
    if address and re.search(r"//(www\.)?example\.(org|com)", address):
        notes.append(
            Note(f"baseURL in {file} is {address}", "the feed and the sitemap are made of it")
        )
    return Generator(
        "Hugo",
        file,
        "hugo --minify --cleanDestinationDir",
        _output(_said(text, "publishDir"), "public"),
        tuple(notes),
    )


def _empty_themes(root: Path) -> Iterator[str]:
    for theme in sorted((root / "themes").glob("*")):
        if theme.is_dir() and not any(theme.iterdir()):
            yield f"themes/{theme.name}"


def _next(root: Path, _: Installed) -> Generator | None:
    package = _package(root)
    version = next(
        (
            str(package[key]["next"])
            for key in ("dependencies", "devDependencies")
            if isinstance(package.get(key), dict) and "next" in package[key]
        ),
        None,
    )
    if version is None:
        return None
    file = _first(root, _NEXT_CONFIG)
    text = _SCRIPT_COMMENT.sub("", _text(root / file)) if file else ""
    scripts = package.get("scripts")
    has_script = isinstance(scripts, dict) and "build" in scripts
    manager = next((m for lock, m in _MANAGERS.items() if (root / lock).is_file()), "npm")
    folder = re.search(r"""\bdistDir\s*:\s*["'`]([^"'`]+)["'`]""", text)
    fault = None
    if not re.search(r"""\boutput\s*:\s*["'`]export["'`]""", text):
        where = f"{file} does not say" if file else "no next.config.mjs says"
        fault = f"Next.js is in package.json, and {where} output: 'export': so it needs a server"
    return Generator(
        f"Next.js {version.lstrip('^~=v ')}",
        "package.json",
        f"{manager} run build" if has_script else "next build",
        _output(folder[1] if folder else None, "out"),
        tuple(_next_notes(root, file or "next.config.mjs", manager, text)),
        fault,
        f"for a static site, add to {file or 'next.config.mjs'}:  output: 'export'\n"
        'for a server, write tenfold.toml:  command = "npx next start -H {host} -p {port}"',
    )


def _next_notes(root: Path, file: str, manager: str, text: str) -> Iterator[Note]:
    if not (root / "node_modules").is_dir():
        install = "npm ci" if (root / "package-lock.json").is_file() else f"{manager} install"
        yield Note("node_modules is not there", f"{install}    comes before tenfold export static")
    if not re.search(r"\btrailingSlash\s*:\s*true\b", text):
        yield Note(
            "pages become about.html, which GitHub Pages and Netlify find at /about",
            f"for other hosts, add to {file}:  trailingSlash: true",
        )


def _package(root: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(root / "package.json") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _pelican(root: Path, environment: Installed) -> Generator | None:
    if not (root / "pelicanconf.py").is_file():
        return None
    said = _assigned(_text(root / "pelicanconf.py"))
    settings = "pelicanconf.py"
    if (root / "publishconf.py").is_file():
        settings = "publishconf.py"
        said |= _assigned(_text(root / settings))
    content = "content " if "PATH" not in said and (root / "content").is_dir() else ""
    program, notes = _program("pelican", environment)
    return Generator(
        "Pelican",
        "pelicanconf.py",
        f"{program} {content}--settings {settings} --delete-output-directory",
        _output(said.get("OUTPUT_PATH"), "output"),
        notes,
    )


def _mkdocs(root: Path, environment: Installed) -> Generator | None:
    file = _first(root, ("mkdocs.yml", "mkdocs.yaml"))
    if file is None:
        return None
    program, notes = _program("mkdocs", environment)
    output = _output(_said(_text(root / file), "site_dir"), "site")
    return Generator("MkDocs", file, f"{program} build", output, notes)


def _program(name: str, environment: Installed) -> tuple[str, tuple[Note, ...]]:
    """A program of the project's environment; that is on the PATH of build where it is `.venv`."""
    own = environment.root
    if own is None:
        return name, ()
    if not environment.has(name):
        return name, (Note(f"{name} is not installed in {own.name}", environment.how_to_add(name)),)
    return (name if own.name == ".venv" else f"{own.name}/bin/{name}"), ()


_RECOGNISERS: Final[tuple[Callable[[Path, Installed], Generator | None], ...]] = (
    _hugo,
    _jekyll,
    _next,
    _pelican,
    _mkdocs,
)


def _first(root: Path, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if (root / name).is_file()), None)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            return ""
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _said(text: str, key: str) -> str | None:
    """What a line at the top of a file of YAML, TOML or JSON gives a key, if that is a text."""
    line = rf"""^[ \t]*["']?{key}["']?[ \t]*[:=][ \t]*{_VALUE}"""
    found = re.search(line, text, re.MULTILINE | re.IGNORECASE)
    return next(filter(None, found.groups()), "").strip() or None if found else None


def _assigned(text: str) -> dict[str, str]:
    """Names that the file gives a text."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))):
                found[name] = value
    return found


def _output(said: str | None, usual: str) -> str:
    """The folder that a generator writes; the usual one where its own words name none of the
    project's."""
    if said is None or not _PLAIN_PATH.fullmatch(said):
        return usual
    try:
        return static.output_folder(said)
    except ValueError:
        return usual
