"""``python -I -m tenfold.leash keep CONFIG``."""

import sys

from tenfold.leash.config import read
from tenfold.leash.guarding import guard
from tenfold.leash.keeping import keep


def main(order: str, path: str, *more: str) -> int:
    """Carry the order out; gives the exit code."""
    config = read(path)
    if order == "guard":
        return guard(config, int(more[0]), int(more[1]))
    return keep(config, path)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
