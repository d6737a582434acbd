"""Keep secrets out of what errors quote: logs, answers and tracebacks may repeat them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote, urlsplit

from tenfold.errors import TenfoldError
from tenfold.secret import Secret
from tenfold.topology.process import Launch

MASK = "********"
_SHORTEST = 4
_SHORTEST_LINE = 8


def masked(text: str, launch: Launch) -> str:
    """The text with every secret of the unit's environment, and passwords in its URLs, masked."""
    environments = [launch.env, *(command.env for command in launch.prepare)]
    return without(text, *environments)


def without(text: str, *environments: Mapping[str, str | Secret]) -> str:
    """The text with every secret of these environments, and passwords in their URLs, masked."""
    found = (part for environment in environments for part in _of(environment.values()))
    for value in sorted(found, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


@contextlib.contextmanager
def masking(environment: Mapping[str, str | Secret]) -> Iterator[None]:
    """What is raised in the block says nothing of the secrets of an environment."""
    try:
        yield
    except TenfoldError as error:
        error.what = without(error.what, environment)
        error.args = (error.what,)
        error.detail = error.detail and without(error.detail, environment)
        raise


def _of(values: Iterable[str | Secret]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Secret):
            plain = value.reveal()
            for part in (plain, *_passwords(plain)):
                if len(part) >= _SHORTEST:
                    yield part
            # Logs come by the line, and so do keys that have several.
            if "\n" in plain:
                yield from (line for line in plain.splitlines() if len(line) >= _SHORTEST_LINE)


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
