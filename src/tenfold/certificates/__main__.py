"""``python -m tenfold.certificates keep CONFIG`` or ``... placeholder FILE NAME...``."""

from __future__ import annotations

import sys
from pathlib import Path

from tenfold.certificates import keeper


def main(argv: list[str]) -> None:
    """Keep a certificate, or make a self-signed one if there is none."""
    match argv:
        case ["keep", config]:
            keeper.keep(Path(config))
        case ["placeholder", site, *names] if names:
            if not Path(site).exists():
                keeper.placeholder(Path(site), names)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
