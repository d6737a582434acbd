"""Is Patroni here? It runs in Tenfold's own Python. Effects: it looks for a package."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, version

from tenfold.engines.patroni.render import PROGRAM
from tenfold.errors import Refused

OLDEST = (4, 1)
"""4.0 brought quorum commit; distributions have 3.0, which has not."""


def programs() -> dict[str, str]:
    """Patroni as it is installed here, by the file that is another one in every version."""
    return {PROGRAM: str(distribution("patroni").locate_file("patroni/version.py"))}


def require_patroni() -> str:
    """The version of Patroni that is used.

    Raises:
        Refused: there is none, or an older one.
    """
    try:
        found = version("patroni")
    except PackageNotFoundError:
        found = ""
    numbers = tuple(int(n) for n in re.findall(r"\d+", found)[:2])
    if numbers >= OLDEST:
        return found
    raise Refused(
        f"from stage 1k on Patroni {'.'.join(map(str, OLDEST))} or later is needed"
        + (f", and {found} is here" if found else ""),
        next='pip install "tenfold[failover]"',
    )
