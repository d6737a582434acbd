"""A short, commented ``tenfold.toml`` from what was found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from tenfold.errors import UsageError
from tenfold.spec.detect.found import Found
from tenfold.spec.read import FILE_NAME


def text(found: Found) -> str:
    """The file that ``tenfold init`` writes."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Found) -> Iterator[str]:
    yield "# What every key means, and which others there are: tenfold docs"
    yield f"name = {_text(found.name)}"
    if found.command:
        yield f"command = {_text(found.command)}  # serves {found.app}"
    elif found.app is not None:
        yield f"app = {_text(found.app)}"
    if found.python:
        yield f"python = {_text(found.python)}"
    if found.pythonpath:
        yield f"pythonpath = [{', '.join(map(_text, found.pythonpath))}]"
    release = [
        ("build", found.build, "in the new release's directory, before it is frozen"),
        ("migrate", found.migrate, "once per release, before new code takes traffic"),
        ("health", found.health, "must answer below 400 before a release takes traffic"),
    ]
    if any(value for _, value, _ in release):
        yield ""
        yield "[release]"
        yield from (f"{key} = {_text(value)}  # {why}" for key, value, why in release if value)
    if found.assets or found.site:
        yield ""
        yield "[static]"
    if found.site:
        build, output = found.site
        yield f"build = {_text(build)}  # makes a whole site, at tenfold export static"
        yield f"output = {_text(output)}  # the folder that it writes"
    if found.assets:
        pairs = (f"{_text(url)} = {_text(directory)}" for url, directory in found.assets)
        yield f"assets = {{ {', '.join(pairs)} }}  # served by the edge, without the app"
    if found.storage:
        yield ""
        yield "[storage]"
        kept = ", ".join(_text(stored.directory) for stored in found.storage)
        yield f"dirs = [{kept}]  # user files, kept across releases"
        pairs = (f"{_text(s.url)} = {_text(s.directory)}" for s in found.storage if s.url)
        shown = ", ".join(pairs)
        if shown:
            yield f"urls = {{ {shown} }}  # for everybody to read; the edge serves them"
    if found.kind:
        yield ""
        yield "[server]"
        yield f"kind = {_text(found.kind)}"
    if found.redis:
        yield ""
        yield "[redis]  # a server that REDIS_URL names, beside the app"
    for name, command in found.workers:
        yield ""
        yield f"[workers.{name}]"
        yield f"command = {_text(command)}"
    if found.env:
        yield ""
        yield "[env]"
        yield from (f"{key} = {_text(value)}" for key, value in found.env)


def _text(value: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write(found: Found) -> Path:
    """Write the file into the project; never over one that is there.

    Raises:
        UsageError: there is one already, or the folder cannot be written.
    """
    path = found.root / FILE_NAME
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise UsageError(
            f"there is a {FILE_NAME} in {found.root} already",
            next="edit it (tenfold docs explains every key), or remove it first",
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text(found))
    return path
