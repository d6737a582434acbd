"""PostgreSQL's restore_command:  fetch.py SOCKET NAME PATH

Asks whoever restores, who is there all the time, to put a file of the log at PATH. Exit codes, as
PostgreSQL takes them: 0, it is there; 1, there is none, so the log ends here; above 125, it could
not be had: stop, and do not take this for the end.
"""

import os
import socket
import sys

NONE, FAULT = 1, 150


def main(path: str, name: str, file: str) -> None:
    """See above."""
    try:
        with socket.socket(socket.AF_UNIX) as restorer:
            restorer.connect(path)
            line = f"{name} ".encode() + os.fsencode(os.path.abspath(file)) + b"\n"
            restorer.sendall(line)
            said = restorer.makefile("rb").readline().strip()
    except OSError:
        sys.exit(FAULT)
    sys.exit({b"ok": 0, b"none": NONE}.get(said, FAULT))


if __name__ == "__main__":
    main(*sys.argv[1:])
