"""What went wrong in the app, as its author wants to read it."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

MAX_TEXT: Final = 64_000
_PASSWORD: Final = re.compile("://[^:/@]*:(.+)@")
_HERE: Final = str(Path(__file__).resolve().parent)
_OURS_BEGIN: Final = (_HERE, "<frozen importlib")
_OURS_END: Final = ("importlib/__init__.py", "_tenfold_launch.py")


class StartFailed(Exception):
    """The app cannot be started; the text says why and is meant for the app's author."""


class Interrupted(SystemExit):
    """A signal asked the process to end while the app was being imported."""


def describe(error: BaseException, what: str) -> str:
    """``what``, then the traceback without the launcher's and the import machinery's frames.

    Values of ``DATABASE_URL*`` and the passwords in them are masked: drivers quote them.
    """
    told = traceback.TracebackException.from_exception(error)
    _prune(told, set())
    text = f"{what}\n\n{''.join(told.format())}".rstrip()
    for secret in _secrets():
        text = text.replace(secret, "********")
    return text if len(text) <= MAX_TEXT else f"{text[:2000]}\n...\n{text[2000 - MAX_TEXT :]}"


def _prune(told: traceback.TracebackException, seen: set[int]) -> None:
    if id(told) in seen:
        return
    seen.add(id(told))
    frames = [f for f in told.stack if not _is_ours(f.filename)]
    told.stack = traceback.StackSummary.from_list(frames)
    for other in (told.__cause__, told.__context__):
        if other is not None:
            _prune(other, seen)


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS_BEGIN) or filename.endswith(_OURS_END)


def _secrets() -> Iterator[str]:
    for name, value in os.environ.items():
        if not name.startswith("DATABASE_URL"):
            continue
        found = _PASSWORD.search(value)
        password = found[1] if found else ""
        # Very short passwords would mask half of the text and protect nothing.
        yield from (s for s in (value, password, unquote(password)) if len(s) >= 6)
