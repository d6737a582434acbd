"""``tenfold secrets``: what the app must know and nobody else may."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tenfold.cli import dotenv
from tenfold.cli.base import Settings, command, group
from tenfold.deployment import app_secrets as changing
from tenfold.deployment.app_secrets import FACT, Changes
from tenfold.deployment.deployment import Deployment
from tenfold.errors import UsageError
from tenfold.spec.values import variable_name
from tenfold.state.app_secrets import MAX_VALUE_BYTES, Kept, load, versions

MASK = "********"
MAX_FILE_BYTES = 1 << 20


@group("secrets")
def secrets() -> None:
    """What the app must know and nobody else may: as environment variables, beside [env].

    They go before [env] and before the shell of whoever calls tenfold; ${NAME} in [env] may name
    them. The app gets a changed one with the next  tenfold deploy.

    \b
    tenfold secrets set STRIPE_KEY
    tenfold secrets set STRIPE_KEY --ref op://shop/stripe/key
    tenfold secrets list
    """


def _open(settings: Settings) -> Deployment:
    return Deployment.open(settings.layout())


def _named(context: click.Context, _: click.Parameter, value: str | tuple[str, ...]) -> Any:
    for name in (value,) if isinstance(value, str) else value:
        try:
            variable_name(name)
        except ValueError as error:
            text = str(error)
            raise UsageError(text if name in text else f"{name}: {text}") from None
    return value


@command("set")
@click.argument("name", callback=_named)
@click.option("--from-env", metavar="VARIABLE", help="Take the value of this variable, here.")
@click.option(
    "--from-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take what this file holds, without a line's end at its end.",
)
@click.option(
    "--ref", metavar="REFERENCE", help="Keep a reference: op://, vault:// or aws-secret://"
)
def set_(
    settings: Settings,
    name: str,
    from_env: str | None,
    from_file: Path | None,
    ref: str | None,
) -> None:
    """Keep a value: typed unseen, from standard input, a variable or a file; or a reference.

    What a reference stands for is fetched by its own program (op, vault or aws) now, and anew by
    every  up  and  deploy.

    \b
    tenfold secrets set STRIPE_KEY
    pass show shop/stripe | tenfold secrets set STRIPE_KEY
    tenfold secrets set STRIPE_KEY --from-env CI_STRIPE_KEY
    tenfold secrets set TLS_KEY --from-file key.pem
    tenfold secrets set STRIPE_KEY --ref op://shop/stripe/key
    tenfold secrets set DB_KEY --ref vault://secret/shop/db#password
    tenfold secrets set DB_KEY --ref aws-secret://prod/shop#password
    """
    if click.get_current_context().args:
        raise UsageError(
            "a value on the command line is seen by everybody here, and kept by the shell",
            next=f"tenfold secrets set {name}    asks for it; consider the one just given known",
        )
    if sum(given is not None for given in (from_env, from_file, ref)) > 1:
        raise UsageError("--from-env, --from-file and --ref exclude each other")
    deployment = _open(settings)
    if ref is not None:
        with deployment.working("secrets set"):
            changes = changing.refer(deployment.layout, name, ref)
    else:
        text, origin = _value(name, from_env, from_file)
        with deployment.working("secrets set"):
            changes = changing.put(deployment.layout, {name: text}, origin)
    _tell(settings, deployment, changes)


# Click would quote what it does not expect, and it may be the value.
set_.context_settings["allow_extra_args"] = True


@command("list")
def list_(settings: Settings) -> None:
    """Names, where their values came from and when; never the values.

    \b
    tenfold secrets list
    tenfold secrets list --json
    """
    layout = settings.layout()
    kept = load(layout.app_secrets)
    used = Deployment.open(layout).facts().get(FACT, {}) if layout.exists() else {}
    if settings.json:
        told = [_as_json(name, one, used) for name, one in kept.items()]
        settings.output.object({"secrets": told, "removed": sorted(used.keys() - kept.keys())})
        return
    output = settings.output
    output.columns([_row(name, one, used) for name, one in kept.items()])
    for name in sorted(used.keys() - kept.keys()):
        output.line(f"  {name} is unset, and the app has it until the next  tenfold deploy")
    if not kept:
        output.line("no secrets; the database's passwords are Tenfold's own affair")
        output.line("Next   tenfold secrets set NAME")


@command("unset")
@click.argument("names", nargs=-1, required=True, metavar="NAME ...")
def unset(settings: Settings, names: tuple[str, ...]) -> None:
    """Keep these no longer.

    \b
    tenfold secrets unset STRIPE_KEY
    """
    deployment = _open(settings)
    with deployment.working("secrets unset"):
        changing.remove(deployment.layout, names)
    settings.output.event("secrets", {"unset": list(names)})
    settings.output.line(f"unset {', '.join(names)}")
    _next(settings, deployment)


@command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--only", multiple=True, metavar="NAME", help="Take only this one; repeatable.")
def import_(settings: Settings, file: Path, only: tuple[str, ...]) -> None:
    """Keep every NAME=value of a .env file. Variables that Tenfold sets itself are left out.

    Nothing is expanded: a value with ${...} is kept as it is written.

    \b
    tenfold secrets import .env
    tenfold secrets import .env --only STRIPE_KEY
    """
    try:
        entries = dotenv.parse(_read(file, MAX_FILE_BYTES))
    except dotenv.Unclear as error:
        raise UsageError(f"{file}: {error}", next="nothing was kept; correct the line") from None
    missing = sorted(set(only) - {entry.name for entry in entries})
    if missing:
        raise UsageError(f"{file} has no {', '.join(missing)}")
    wanted = [e for e in entries if (not only or e.name in only) and e.value]
    left_out = [entry.name for entry in wanted if not _may_be_set(entry.name)]
    deployment = _open(settings)
    with deployment.working("secrets import"):
        values = {entry.name: entry.value for entry in wanted if entry.name not in left_out}
        changes = changing.put(deployment.layout, values, f"file {file.name}")
    if left_out:
        settings.output.line(f"left out {', '.join(left_out)}: Tenfold sets it, or no name for one")
    _tell(settings, deployment, changes)


for _one in (set_, list_, unset, import_):
    secrets.add_command(_one)


def _value(name: str, variable: str | None, file: Path | None) -> tuple[str, str]:
    """A value and where it came from."""
    if variable is not None:
        if variable not in os.environ:
            raise UsageError(f"{variable} is not set here")
        return os.environ[variable], f"variable {variable}"
    if file is not None:
        return _without_end(_read(file, MAX_VALUE_BYTES + 1)), f"file {file.name}"
    if sys.stdin.isatty():
        typed: str = click.prompt(name, hide_input=True, err=True)
        return typed, "prompt"
    return _without_end(sys.stdin.read(MAX_VALUE_BYTES + 2)), "standard input"


def _read(file: Path, most_bytes: int) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(most_bytes + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text") from None
    if len(raw) > most_bytes:
        raise UsageError(f"{file} has more than {most_bytes >> 10} KiB")
    return text


def _without_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _may_be_set(name: str) -> bool:
    try:
        variable_name(name)
    except ValueError:
        return False
    return True


def _tell(settings: Settings, deployment: Deployment, changes: Changes) -> None:
    output = settings.output
    told = {"set": changes.new, "replaced": changes.replaced, "unchanged": changes.same}
    output.event("secrets", {word: list(names) for word, names in told.items()})
    for word, names in told.items():
        if names:
            output.line(f"{word} {', '.join(names)}")
    if changes.new or changes.replaced:
        _next(settings, deployment)


def _next(settings: Settings, deployment: Deployment) -> None:
    running = deployment.status().state != "stopped"
    what = "deploy    gives it to the app; no request fails" if running else "up"
    settings.output.line(f"Next   tenfold {what}")


def _row(name: str, kept: Kept, used: Mapping[str, str]) -> tuple[str, ...]:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.set_at))
    state = "" if _in_use(name, kept, used) else "not yet in use"
    return name, MASK, kept.origin, f"{since} by {kept.by}", state


def _as_json(name: str, kept: Kept, used: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "origin": kept.origin,
        "reference": kept.reference,
        "set_at": kept.set_at,
        "fetched_at": kept.fetched_at,
        "by": kept.by,
        "in_use": _in_use(name, kept, used),
    }


def _in_use(name: str, kept: Kept, used: Mapping[str, str]) -> bool:
    return used.get(name) == versions({name: kept})[name]
