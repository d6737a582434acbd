"""Client ids of writes: 16 hexadecimal digits, 8 for the run and 8 for the request.

The width is fixed so that an id can be found inside a longer text and none is the beginning of
another. Letters and digits alone, because apps restrict user names and slugs to them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Literal

Match = Literal["contains", "exact"]

_RUN = re.compile(r"[0-9a-f]{8}")


def new_run_id() -> str:
    """A run id that no other run has had: two runs against one database must not meet."""
    return secrets.token_hex(4)


def is_run_id(text: str) -> bool:
    """Whether `text` has the form of a run id."""
    return _RUN.fullmatch(text) is not None


def write_id(run_id: str, n: int) -> str:
    """The id of the run's request number `n` (below 2**32)."""
    return f"{run_id}{n:08x}"


def setup_id(run_id: str, n: int) -> str:
    """The id of a setup request; as ``s`` is no hexadecimal digit, never taken for a write's."""
    return f"{run_id}s{n:07x}"


def ids_in(values: Iterable[str], run_id: str, match: Match) -> Iterator[str]:
    """The run's ids in a column's values, once for every row that has one; others are ignored."""
    pattern = re.compile(rf"{run_id}[0-9a-f]{{8}}")
    for value in values:
        if match == "contains":
            yield from set(pattern.findall(value))
        elif pattern.fullmatch(value):
            yield value
