"""Keep secrets out of what errors quote: logs, answers and tracebacks may repeat them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from tenfold.secret import Secret
from tenfold.topology.process import Launch

MASK = "********"
_SHORTEST = 4


def masked(text: str, launch: Launch) -> str:
    """The text with every secret of the unit's environment, and passwords in its URLs, masked."""
    for value in sorted(_values(launch), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def _values(launch: Launch) -> Iterator[str]:
    environments = [launch.env, *(command.env for command in launch.prepare)]
    for environment in environments:
        yield from _of(environment.values())


def _of(values: Iterable[str | Secret]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Secret):
            plain = value.reveal()
            for part in (plain, *_passwords(plain)):
                if len(part) >= _SHORTEST:
                    yield part


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
