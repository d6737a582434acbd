"""PostgreSQL's archive_command:  archive.py SOCKET PATH

Asks the keeper of backups, which is there all the time, to put a finished file of the log away, and
waits for its word. Started for every file, so it needs the standard library alone: some 15 ms.

Exit codes, as PostgreSQL takes them: 0, the file is in the archive; 1, it is not, ask again; above
128, leave it for now. That is said while this server is fenced, or was marked to restart within the
last minute, which means that it stops and that users wait for that: whoever leads next, be it the
same server, archives the same files.
"""

import os
import socket
import sys
import time

WAIT_SECONDS = 120.0
RESTART_SECONDS = 60.0
LOOK_SECONDS = 0.02
LATER = 143


def leaves_soon() -> bool:
    """Whether this server is to stop while users wait; the directory is its data directory."""
    try:
        # A mark that nobody took away must not keep files out of the archive for long.
        if 0 <= time.time() - os.stat("tenfold.restart").st_mtime < RESTART_SECONDS:
            return True
    except OSError:
        pass
    try:
        with open("standby.signal", "rb") as file:
            return file.readline().strip() == b"fenced"
    except OSError:
        return False


def stand_back() -> None:
    """Leave the processor to those who commit; see :mod:`tenfold.priority`, which is not here."""
    os.nice(10)
    try:
        with open("/proc/self/autogroup", "w") as group:
            group.write("10")
    except OSError:  # a kernel without it
        pass


def answer(keeper: socket.socket) -> str:
    """The keeper's word; an empty one where it ended without any."""
    keeper.settimeout(LOOK_SECONDS)
    heard, deadline = b"", time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            found = keeper.recv(4096)
        except TimeoutError:
            if leaves_soon():
                sys.exit(LATER)
            continue
        heard += found
        if not found or heard.endswith(b"\n"):
            return heard.decode("utf-8", "replace").strip()
    return "the keeper of backups does not answer"


def main(path: str, file: str) -> None:
    """See above."""
    if leaves_soon():
        sys.exit(LATER)
    stand_back()
    with socket.socket(socket.AF_UNIX) as keeper:
        try:
            keeper.connect(path)
            keeper.sendall(b"archive " + os.fsencode(os.path.abspath(file)) + b"\n")
            said = answer(keeper)
        except OSError as error:
            said = f"the keeper of backups is not there: {error.strerror}"
    if said != "ok":
        sys.exit(said or "the keeper of backups ended")


if __name__ == "__main__":
    main(*sys.argv[1:])
