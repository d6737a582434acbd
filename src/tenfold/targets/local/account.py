"""Who a host's agent and units run as, and what that user has to reach."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tenfold
from tenfold.agent.view import Entry, may
from tenfold.errors import TargetError

PREFERRED = ("tenfold", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user of this machine."""

    name: str
    uid: int
    gid: int
    home: str

    def environment(self, base: Mapping[str, str], fallback_home: Path) -> dict[str, str]:
        """``base`` as this user; its home if that is one, else the host's directory."""
        home = self.home if _owns(self.home, self.uid) else str(fallback_home)
        return {**base, "HOME": home, "USER": self.name, "LOGNAME": self.name}


def account_for(project: Path) -> Account | None:
    """Whom to become where Tenfold is root: the project's owner if that is somebody else, else the
    user ``tenfold`` if there is one, else ``nobody``. ``None`` where Tenfold is not root.

    Raises:
        TargetError: there is no such user.
    """
    if os.geteuid() != 0:
        return None
    owner = project.stat().st_uid
    if owner != 0:
        try:
            return _account(pwd.getpwuid(owner))
        except KeyError:
            return Account(str(owner), owner, project.stat().st_gid, "")
    for name in PREFERRED:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise TargetError(
        "the app's processes must not run as root, and this machine has no user for them",
        next="useradd --system tenfold, or give the project's directory to an ordinary user",
    )


def needs(account: Account, state_dir: Path, more: Iterable[Path]) -> tuple[str, ...]:
    """What the user has to reach: Tenfold itself, its interpreter, the deployment's state, its
    project if that is open to others, and ``more``; with a virtual environment also the interpreter
    that it was made from."""
    own = [sys.prefix, sys.base_prefix, str(Path(tenfold.__file__).parents[1])]
    found = [*own, *(entry for entry in sys.path if Path(entry).is_absolute()), str(state_dir)]
    project = state_dir.parent
    entry = look(str(project))
    if entry is not None and may(entry, 1, account.uid, account.gid):
        found.append(str(project))
    places = [*more, project / ".venv", *project.glob("*/pyvenv.cfg"), *state_dir.glob("envs/*")]
    for place in places:
        found.extend(_with_interpreter(place))
    return tuple(dict.fromkeys(os.path.realpath(path) for path in found if Path(path).exists()))


def look(path: str) -> Entry | None:
    """What lies at a path, for :func:`tenfold.agent.view.needed_view`."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    target = os.readlink(path) if os.path.islink(path) else None
    return Entry(found.st_mode, found.st_uid, found.st_gid, target)


def _with_interpreter(place: Path) -> Iterator[str]:
    """A place; for a virtual environment, its ``pyvenv.cfg`` or a program in it: the environment
    and its base interpreter."""
    root = next((p for p in (place, *place.parents[:2]) if (p / "pyvenv.cfg").is_file()), None)
    if root is None:
        yield str(place)
        return
    yield str(root)
    for line in (root / "pyvenv.cfg").read_text().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home":
            yield str(Path(os.path.realpath(value.strip())).parent)


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def _owns(home: str, uid: int) -> bool:
    try:
        return os.stat(home).st_uid == uid
    except OSError:
        return False
