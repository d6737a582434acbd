"""From root to an unprivileged user, in a private view of the file system; then execute.

Run as a file of its own, as root, without site-packages: ``descend.py FAULTS PLAN ARGV...``.
FAULTS is a descriptor on which a failure is told (one line of JSON); it closes on execution. PLAN
is JSON: ``{"uid", "gid", "mounts": [[kind, path, target], ...]}``, see
:mod:`tenfold.agent.view`.
"""

import ctypes
import json
import os
import sys
from typing import Any

CLONE_NEWNS = 0x00020000
MS_BIND = 4096
MS_REC = 16384
MS_SLAVE = 1 << 19
PR_SET_NO_NEW_PRIVS = 38
COVER_OPTIONS = b"mode=0711,size=1m"

_libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, doing: str) -> None:
    """Turn a failed call of the C library into an ``OSError``."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int, data: bytes | None) -> None:
    """mount(2)."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data
    )
    check(result, f"mount on {target}")


def make_view(mounts: list[list[str]]) -> None:
    """Leave the machine's mounts alone and have one's own; the originals are opened before the
    first cover hides them."""
    check(_libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", "none", MS_REC | MS_SLAVE, None)
    originals = {p: os.open(p, os.O_PATH) for kind, p, _ in mounts if kind == "bind"}
    for kind, path, target in mounts:
        if kind == "cover":
            mount("tenfold", path, "tmpfs", 0, COVER_OPTIONS)
        elif kind == "link":
            make_directories(os.path.dirname(path))
            os.symlink(target, path)
        else:
            put_back(originals[path], path)
    for fd in originals.values():
        os.close(fd)


def make_place(original: int, path: str) -> None:
    """Something in the cover on which the original can be mounted."""
    if os.path.isdir(f"/proc/self/fd/{original}"):
        make_directories(path)
    else:
        make_directories(os.path.dirname(path))
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def put_back(original: int, path: str) -> None:
    """Bind the original at its place in the cover."""
    make_place(original, path)
    mount(f"/proc/self/fd/{original}", path, "none", MS_BIND | MS_REC, None)


def make_directories(path: str) -> None:
    """Directories in a cover, which may be passed through but not listed."""
    if not os.path.isdir(path):
        make_directories(os.path.dirname(path))
        os.mkdir(path)
        os.chmod(path, 0o711)  # noqa: S103 - may be passed through, as the cover itself


def descend(uid: int, gid: int) -> None:
    """Become the user, for good: no groups, no way back, not through setuid programs either."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def main(faults: int, plan: dict[str, Any], argv: list[str]) -> None:
    """Descend and execute; what fails is told on ``faults``."""
    os.set_inheritable(faults, False)
    try:
        if plan["mounts"]:
            make_view(plan["mounts"])
        descend(plan["uid"], plan["gid"])
        os.execv(argv[0], argv)  # noqa: S606
    except OSError as fault:
        told = {"errno": fault.errno, "text": fault.strerror or str(fault)}
        os.write(faults, json.dumps(told).encode())
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:])
