"""``python -m tenfold.metrics serve CONFIG --fd N``."""

from __future__ import annotations

import sys
from pathlib import Path

from tenfold.metrics.serve import serve


def main(argv: list[str]) -> None:
    """Gather and serve figures."""
    match argv:
        case ["serve", config, "--fd", number] if number.isdigit():
            serve(Path(config), int(number))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
