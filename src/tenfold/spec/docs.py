"""``tenfold docs [SECTION]``: the annotated reference file, or one part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from tenfold.errors import UsageError, did_you_mean
from tenfold.spec import later

# A part begins with a line such as "# server: the process that imports the app -----".
_HEADING = re.compile(r"# (\w+): (.+?) -{5,}")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the reference: the top, or a table with everything below it."""

    name: str
    title: str
    text: str


def reference() -> str:
    """The annotated reference file, valid TOML as a whole and in each of its parts."""
    return files("tenfold.spec").joinpath("reference.toml").read_text("utf-8")


def parts() -> tuple[Part, ...]:
    """The reference in parts; the first, called ``top``, has the keys above the first table."""
    return tuple(_split(reference()))


def _split(text: str) -> Iterator[Part]:
    name, title = "top", "the app itself"
    lines: list[str] = []
    for line in text.splitlines():
        heading = _HEADING.fullmatch(line)
        if heading:
            yield Part(name, title, "\n".join(lines).strip() + "\n")
            name, title, lines = heading[1], heading[2], []
        else:
            lines.append(line)
    yield Part(name, title, "\n".join(lines).strip() + "\n")


def section(name: str | None = None) -> str:
    """The whole reference, or the part called ``name`` (``server``, ``[server]``, ``load.ledger``).

    Raises:
        UsageError: there is no such part.
    """
    if name is None:
        return reference()
    wanted = name.strip("[]").partition(".")[0]
    found = {part.name: part for part in parts()}
    if wanted in found:
        return found[wanted].text
    comes = later.when(tuple(name.strip("[]").split("."))) or later.when((wanted,))
    if comes:
        raise UsageError(f"[{wanted}] {comes}", next="tenfold docs shows what there is")
    meant = did_you_mean(wanted, found)
    raise UsageError(f'there is no section "{name}"{meant}', next=f"one of {', '.join(found)}")
