"""Templates in `[load]`: text with ``{id}``, ``{n}``, ``{run}``, ``{choice:a|b}``, captured names.

A brace that is meant as a brace is doubled. A template is parsed once, when the table is loaded;
rendering it for a request is joining strings.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

BUILT_IN_NAMES = frozenset({"id", "n", "run"})

Values = Mapping[str, JsonValue]
Choose = Callable[[tuple[str, ...]], str]

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class TemplateError(ValueError):
    """A template that cannot be parsed or names something unknown; becomes a ``SpecError``."""


@dataclass(frozen=True, slots=True)
class Name:
    """``{name}``: replaced by the value of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """``{choice:a|b|c}``: replaced by one of the options."""

    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """Parsed text: literal pieces and what goes between them."""

    parts: tuple[str | Name | Choice, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that must have a value when this is rendered."""
        return frozenset(part.name for part in self.parts if isinstance(part, Name))

    @property
    def lone_name(self) -> str | None:
        """The name, where the whole template is one ``{name}`` and nothing else."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Name):
            return self.parts[0].name
        return None

    def render(self, values: Values, choose: Choose, quote: Callable[[str], str] = str) -> str:
        """The text, with `quote` applied to what was filled in and not to the literal pieces."""
        return "".join(
            part if isinstance(part, str) else quote(_value_of(part, values, choose))
            for part in self.parts
        )


def parse(text: str, known: frozenset[str]) -> Template:
    """Parse `text`, in which only the names in `known` may be used.

    Raises:
        TemplateError: an unmatched brace, an unknown name, a choice without options.
    """
    parts: list[str | Name | Choice] = []
    literal = ""
    at = 0
    for token in _TOKEN.finditer(text):
        literal += text[at : token.start()]
        at = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
            continue
        parts += [literal] if literal else []
        literal = ""
        parts.append(_placeholder(token, known))
    literal += text[at:]
    return Template((*parts, literal) if literal else tuple(parts))


def _placeholder(token: re.Match[str], known: frozenset[str]) -> Name | Choice:
    inner: str | None = token[1]
    if inner is None:
        raise TemplateError(f"unmatched {token[0]!r}; a brace meant as a brace is written twice")
    if inner.startswith("choice:"):
        options = tuple(inner.removeprefix("choice:").split("|"))
        if len(options) < 2:
            raise TemplateError(f"{{{inner}}} offers no choice; write {{choice:a|b}}")
        return Choice(options)
    if inner in known:
        return Name(inner)
    raise TemplateError(_unknown(inner, known))


def _unknown(inner: str, known: frozenset[str]) -> str:
    near = difflib.get_close_matches(inner, sorted(known | {"choice:a|b"}), n=1, cutoff=0.5)
    if near:
        return f"unknown name {{{inner}}}; did you mean {{{near[0]}}}?"
    hint = "" if _NAME.fullmatch(inner) else "; a brace meant as a brace is written twice"
    return f"unknown name {{{inner}}}; known here: {', '.join(sorted(known))}{hint}"


def _value_of(part: Name | Choice, values: Values, choose: Choose) -> str:
    if isinstance(part, Choice):
        return choose(part.options)
    return str(values[part.name])


JsonTemplate = (
    Template | dict[str, "JsonTemplate"] | list["JsonTemplate"] | int | float | bool | None
)


def parse_json(value: JsonValue, known: frozenset[str]) -> JsonTemplate:
    """The same structure with every text (not the keys) parsed as a template.

    Raises:
        TemplateError: as :func:`parse`.
    """
    if isinstance(value, str):
        return parse(value, known)
    if isinstance(value, dict):
        return {key: parse_json(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [parse_json(item, known) for item in value]
    return value


def render_json(template: JsonTemplate, values: Values, choose: Choose) -> JsonValue:
    """The structure with every template filled in.

    A text that is one ``{name}`` and nothing else takes the value with its type, so that a captured
    number stays a number.
    """
    if isinstance(template, Template):
        name = template.lone_name
        return values[name] if name is not None else template.render(values, choose)
    if isinstance(template, dict):
        return {key: render_json(item, values, choose) for key, item in template.items()}
    if isinstance(template, list):
        return [render_json(item, values, choose) for item in template]
    return template


def names_in(template: JsonTemplate) -> frozenset[str]:
    """Every name that the structure uses."""
    if isinstance(template, Template):
        return template.names
    if isinstance(template, dict):
        return frozenset().union(*(names_in(item) for item in template.values()))
    if isinstance(template, list):
        return frozenset().union(*(names_in(item) for item in template))
    return frozenset()
