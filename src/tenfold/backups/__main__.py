"""``python -m tenfold.backups keep CONFIG | order CONFIG backup|check | restore FILE | try``, and
two small orders about a data directory and another one beside it: ``beside``, ``exchange``."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from tenfold.backups import exchanging
from tenfold.backups.config import read


def main(argv: list[str]) -> None:
    """Keep backups, have the keeper that runs do something at once, or bring a backup back."""
    match argv:
        case ["keep", config]:
            from tenfold.backups.keeper import keep
            from tenfold.priority import stand_back

            stand_back()  # users' commits come first
            keep(Path(config))
        case ["order", config, "backup" | "check" as what]:
            order(read(Path(config)).socket, what)
        case ["beside", data, beside, id]:
            exchanging.look(Path(data), Path(beside), id)
        case ["exchange", data, beside, id, "restored" | "before" as wanted]:
            exchanging.exchange(Path(data), Path(beside), id, wanted)
        case ["try"]:
            from tenfold.backups.trying import main as try_it

            try_it()
        case ["restore", request]:
            from tenfold.backups.bringing import bring

            bring(Path(request))
        case _:
            sys.exit(__doc__)


def order(path: str, what: str) -> None:
    """Give an order to the keeper that runs and print its lines: :mod:`tenfold.backups.orders`."""
    with socket.socket(socket.AF_UNIX) as keeper:
        keeper.connect(path)
        keeper.sendall(f"{what}\n".encode())
        with keeper.makefile("r") as lines:
            for line in lines:
                print(line, end="", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
