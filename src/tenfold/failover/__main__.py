"""``python -m tenfold.failover CONFIG``."""

from __future__ import annotations

import sys
from pathlib import Path

from tenfold.failover.keeper import serve


def main(argv: list[str]) -> None:
    """Follow the leader."""
    match argv:
        case [config]:
            serve(Path(config))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
