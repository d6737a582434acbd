"""Putting values into nginx's language: quoting, patterns, filled-in templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from tenfold.errors import UsageError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLACEHOLDER = re.compile(r"@([A-Z0-9_]+)@")


def quoted(text: str) -> str:
    """``text`` as one argument of a directive that knows no variables.

    Raises:
        UsageError: it has control characters, which no path or URL prefix needs.
    """
    if _CONTROL.search(text):
        raise UsageError(
            f"{text!r} has control characters, which the edge refuses", next="rename it"
        )
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(text: str) -> str:
    """``text`` as one argument of a directive that expands variables; a ``$`` stays one.

    nginx has no escape for it: the configuration defines a variable ``$dollar`` that holds it.
    """
    return quoted(text).replace("$", "${dollar}")


def pattern(text: str) -> str:
    """A regular expression (PCRE) that matches exactly ``text``; still to be quoted."""
    return re.sub(r"[\\^$.|?*+()\[\]{}]", r"\\\g<0>", text)


@cache
def template(name: str) -> str:
    """The text of a file that lies beside this module."""
    return files(__package__).joinpath("files", name).read_text(encoding="utf-8")


def filled(name: str, values: Mapping[str, str]) -> str:
    """A template of the edge, filled in; see :func:`fill`."""
    return fill(template(name), values)


def fill(text: str, values: Mapping[str, str]) -> str:
    """``text`` with every ``@NAME@`` replaced; a line whose only content becomes empty goes.

    Raises:
        KeyError: the template wants a value that is not given.
    """
    lines: list[str] = []
    for line in text.splitlines():
        made = _PLACEHOLDER.sub(lambda m: values[m[1]], line)
        if made.strip() or not line.strip():
            lines.append(made.rstrip())
    return "\n".join(lines) + "\n"
