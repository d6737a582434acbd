"""Writes the reference pages from the code: ``python -m tenfold.cli.reference docs/reference``.

Commands come from click, errors from the exception tree, steps from their data classes; the pages
about ``tenfold.toml`` come from :mod:`tenfold.spec.generate`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import click

from tenfold import errors
from tenfold.cli.main import SECTIONS, cli
from tenfold.doctor import catalogue
from tenfold.errors import TenfoldError
from tenfold.spec import generate
from tenfold.transitions import steps

SHARED: Final = ("dir", "env", "json", "help")
SAMPLES: Final[Mapping[str, Any]] = {
    "host": "vm1",
    "unit": "vm1/postgres",
    "pool": "vm1/app",
    "release": "4f2c1d9",
    "previous": "0c93559",
    "generation": 2,
    "count": 2,
    "keep": 5,
    "command": "alembic upgrade head",
    "digest": "9b1d",
    "leader": "vm1/postgres",
    "follower": "db1/postgres",
    "fenced": "vm1/postgres",
    "successor": "db1/postgres",
    "node": 2,
    "units": ("vm1/postgres", "db1/postgres"),
    "max_seconds": 5.0,
    "within_seconds": 6.0,
    "postpone_seconds": 600.0,
    "directory": "media",
    "files": 12,
    "bytes": 345_678,
    "but": 2,
    "id": "20261126T171408Z",
    "lineage": "shop-7712520910655154798",
    "backup": "20261126T040000Z",
    "timeline": 1,
    "target": 1795713191.0,
    "back": False,
    "anyway": None,
    "before": "20261125T171408Z",
    "to": "main",
    "published": "https://shop.example",
    "site": "https://shop.example",
    "in_vain": False,
    "in_sync": True,
    "of_all": True,
    "others": (),
    "member": "db1/etcd",
    "members": ("db1/etcd", "db2/etcd", "arbiter/etcd"),
    "nodes": 1,
    "SwitchOver.to": "db1/postgres",
    "AwaitMember.unit": "db2/postgres",
    "AwaitMember.leader": "db1/postgres",
    "RejoinEtcd.others": ("db2/etcd", "arbiter/etcd"),
    "ForgetEtcd.others": ("db2/etcd", "arbiter/etcd"),
    "steps": (steps.BuildRelease("4f2c1d9"), steps.StartUnit("vm1/postgres")),
}
_ROLE = re.compile(r":\w+:`~?([^`]+)`")


def pages() -> Mapping[str, str]:
    """File names and texts of all generated pages."""
    own = {
        "checks.md": _checks(),
        "commands.md": _commands(),
        "errors.md": _errors(),
        "steps.md": _steps(),
    }
    return {**{name: "\n".join(lines) + "\n" for name, lines in own.items()}, **generate.pages()}


def prose(text: str) -> str:
    """A docstring's words as Markdown: double backticks and roles become single ones."""
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


# Commands


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its name, in the order of the help page."""
    context = click.Context(cli, info_name="tenfold")
    for name in cli.list_commands(context):
        found = cli.get_command(context, name)
        assert found is not None
        yield name, found


def examples(command: click.Command) -> tuple[str, ...]:
    """The example lines in a command's help: its paragraphs that are kept as written."""
    return tuple(
        line
        for part in _paragraphs(command)
        if part.startswith("\b\n")
        for line in part.splitlines()[1:]
    )


def _paragraphs(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").split("\n\n")


def _commands() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield "<!-- Generated from src/tenfold/cli by `make docs`. -->"
    yield ""
    yield "`tenfold COMMAND --help` prints the same. Every command takes `--dir DIR`, before or"
    yield "after its name: the app's folder; without it, the nearest one upwards with a"
    yield "`tenfold.toml`. `--env NAME` names the [environment](../howto/environments.md), also as"
    yield "`TENFOLD_ENV`. With `--json` a command prints one JSON object per line, each with the"
    yield "`version` of its format, and failures as an object with `event` `error`."
    yield ""
    yield "| exit code | |"
    yield "|---|---|"
    yield "| 0 | done |"
    yield "| 1 | failed, or refused because something does not hold |"
    yield "| 2 | the command or the file is wrong; with `tenfold plan`: changes are pending |"
    yield "| 130 | interrupted |"
    found = dict(commands())
    for section, names in SECTIONS.items():
        yield ""
        yield f"## {section}"
        for name in names:
            yield ""
            yield from _command(name, found[name])


def _command(name: str, command: click.Command, depth: int = 3) -> Iterator[str]:
    yield f"{'#' * depth} tenfold {name}"
    yield ""
    for part in _paragraphs(command):
        if part.startswith("\b\n"):
            yield from ("```console", *(f"$ {line}" for line in part.splitlines()[1:]), "```")
        else:
            yield " ".join(part.split())
        yield ""
    rows = [_parameter(param) for param in command.params if param.name not in SHARED]
    if rows:
        yield from ("| | |", "|---|---|", *rows, "")
    yield "Takes `--json`." if _takes_json(command) else "Does not take `--json`."
    for inner in getattr(command, "commands", {}).values():
        yield ""
        yield from _command(f"{name} {inner.name}", inner, depth=depth + 1)


def _parameter(param: click.Parameter) -> str:
    if isinstance(param, click.Option):
        shown = ", ".join((*param.opts, *param.secondary_opts))
        return f"| `{shown}{_value(param)}` | {prose(param.help or '')} |"
    choices = getattr(param.type, "choices", None)
    shown = param.metavar or (" | ".join(choices) if choices else (param.name or "").upper())
    more = " ..." if param.nargs == -1 and not shown.endswith("...") else ""
    return f"| `{_cell(shown)}{more}` | {'' if param.required else 'optional'} |"


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    choices = getattr(option.type, "choices", None)
    name = option.metavar or ("|".join(choices) if choices else option.type.name.upper())
    return f" {_cell(name.replace(' RANGE', ''))}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _takes_json(command: click.Command) -> bool:
    return any("--json" in param.opts for param in command.params)


# Checks


def _checks() -> Iterator[str]:
    yield "# Checks"
    yield ""
    yield "<!-- Generated from src/tenfold/doctor by `make docs`. -->"
    yield ""
    yield "What `tenfold doctor` looks for; `tenfold doctor NAME` says the same, with what it found"
    yield "in your app. *Bites* is the stage from which it does harm: `now` is at any stage, and"
    yield "what bites at the stage that the app is at is a fault. *Advice* may be left alone."
    for area, title in catalogue.AREAS.items():
        yield ""
        yield f"## {title}"
        for one in catalogue.checks():
            if one.area == area:
                yield ""
                yield f"### {one.id}"
                yield ""
                yield f"{one.title[0].upper()}{one.title[1:]}. *Bites: {one.bites}.*"
                yield ""
                yield one.why


# Errors


def error_kinds() -> tuple[type[TenfoldError], ...]:
    """Every exception of :mod:`tenfold.errors`, each behind its parent."""
    return tuple(
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, TenfoldError)
    )


def error_tree() -> str:
    """The tree as its module draws it."""
    drawn = inspect.cleandoc(errors.__doc__ or "").split("::\n\n")[1].split("\n\n")[0]
    return inspect.cleandoc(drawn)


def _errors() -> Iterator[str]:
    yield "# Errors"
    yield ""
    yield "<!-- Generated from src/tenfold/errors.py by `make docs`. -->"
    yield ""
    yield "A failure is printed on standard error, in one shape:"
    yield ""
    yield "```text"
    yield "  ✗ what happened, and where"
    yield ""
    yield "    evidence: a traceback, an answer, lines of a log"
    yield ""
    yield "What changed    for whom, or: nothing"
    yield "What next       the command or the edit that leads on"
    yield "```"
    yield ""
    yield "With `--json` it is an object on standard output: `event` is `error`, `error` the kind,"
    yield "and `what`, `changed` (`null` for nothing), `next` and `detail` are texts."
    yield ""
    yield "```text"
    yield from error_tree().splitlines()
    yield "```"
    yield ""
    yield "| kind | is a | exit code | |"
    yield "|---|---|---|---|"
    for kind in error_kinds():
        parent = kind.__base__
        assert parent is not None
        above = f"`{parent.__name__}`" if issubclass(parent, TenfoldError) else ""
        first = prose(" ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split()))
        yield f"| `{kind.__name__}` | {above} | {kind.exit_code} | {first} |"


# Steps


def step_kinds() -> tuple[type[steps.Step], ...]:
    """Every kind of step, in the order in which they are defined."""
    return tuple(steps.KINDS.values())


def _steps() -> Iterator[str]:
    yield "# Steps"
    yield ""
    yield "<!-- Generated from src/tenfold/transitions/steps by `make docs`. -->"
    yield ""
    yield "What plans are made of: `tenfold plan` shows them, the journal keeps them. Performing a"
    yield "step twice is the same as performing it once. As JSON, in the journal too, each has"
    yield f"`step`, its kind, and `schema`, which is {steps.SCHEMA}."
    for kind in step_kinds():
        yield ""
        yield from _step(kind)


def sample(kind: type[steps.Step]) -> steps.Step:
    """A step of this kind, with the values of the examples."""
    own = {name: f"{kind.__name__}.{name}" for name in _fields(kind)}
    return kind(**{n: SAMPLES[own[n] if own[n] in SAMPLES else n] for n in _fields(kind)})


def _step(kind: type[steps.Step]) -> Iterator[str]:
    step = sample(kind)
    back = step.reverse()
    yield f"## {kind.__name__}"
    yield ""
    yield prose(" ".join((inspect.getdoc(kind) or "").split()))
    yield ""
    yield f"- says: “{step.sentence()}”"
    yield f"- has: {', '.join(f'`{name}`' for name in _fields(kind))}"
    yield f"- taken back by: {f'`{type(back).__name__}`' if back else 'nothing'}"
    if kind.point_of_no_return:
        yield "- a point of no return: once begun, the plan is finished forward"


def _fields(kind: type[steps.Step]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def main(arguments: list[str]) -> None:
    """Write every page into the folder that is named."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
