"""A host's directory: what lies where, and its short private place for unix sockets."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tenfold.agent.store import cannot_write, replace_file, sync_directory
from tenfold.agent.wire import SOCKET_NAME
from tenfold.errors import TargetError
from tenfold.targets.local import address
from tenfold.targets.protocol import HostPaths

OF_UNITS = {"agent": 0o700, "config": 0o755, "data": 0o755, "logs": 0o755}
THIS_KERNEL = "local"
"""All hosts of this target are one machine."""
LONGEST_SOCKET_PATH = 107
ROOM_FOR_NAMES = 40
ASIDE = ".removed"
"""Beside the hosts: what is left of those that are none any more. No host is called like that."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class HostDirectory:
    """One host of one deployment on this machine.

    ``name`` is for people: the host's, which need not be that of the directory that it lives in.
    """

    name: str
    deployment: str
    address: str
    root: Path
    run: Path

    @property
    def socket(self) -> Path:
        """Where the agent answers."""
        return self.run / SOCKET_NAME

    @property
    def lock(self) -> Path:
        """Held by keeper and agent for as long as one of them lives."""
        return self.root / "agent.lock"

    @property
    def agent_log(self) -> Path:
        """What keeper and agent say."""
        return self.root / "logs" / "agent.log"

    @property
    def view(self) -> Path:
        """What its units' user was shown, where Tenfold is root."""
        return self.root.with_name(f"{self.root.name}.view")

    @property
    def paths(self) -> HostPaths:
        """For callers of the protocol."""
        logs = str(self.root / "logs")
        return HostPaths(
            root=str(self.root),
            run=str(self.run),
            logs=logs,
            address=self.address,
            kernel=THIS_KERNEL,
        )


def root_of(state_dir: Path, name: str) -> Path:
    """Where a host lives. Raises ``TargetError`` for a name that is no file name."""
    if not _NAME.fullmatch(name):
        raise TargetError(f"{name!r} cannot be the name of a host")
    return state_dir / "hosts" / name


def run_directory(root: Path, uid: int) -> Path:
    """A place whose unix sockets stay within 107 bytes: in the host's directory, else in /tmp."""
    inside = root / "run"
    if len(os.fsencode(inside)) + ROOM_FOR_NAMES <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    return Path("/tmp") / f"tenfold-{uid}-{digest}"  # noqa: S108 - verified by make_private


def make_private(directory: Path, uid: int, gid: int) -> None:
    """Have a directory that is nobody else's.

    Raises:
        TargetError: something else is there: a link, another owner, an open mode.
    """
    try:
        directory.mkdir(mode=0o700)
        os.chown(directory, uid, gid, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError as fault:
        raise cannot_write(directory, fault) from fault
    found = directory.lstat()
    wrong = None
    if not stat.S_ISDIR(found.st_mode):
        wrong = "it is not a directory"
    elif found.st_uid != uid:
        wrong = f"it belongs to the user with id {found.st_uid}"
    elif stat.S_IMODE(found.st_mode) & 0o077:
        wrong = f"others may enter it (mode {stat.S_IMODE(found.st_mode):o})"
    if wrong is not None:
        raise TargetError(
            f"{directory} cannot hold the sockets of this host: {wrong}",
            next=f"remove it, if it is yours: rm -r {directory}",
        )


def read(state_dir: Path, name: str) -> HostDirectory | None:
    """The host as it was created here, or ``None``; one that was moved or copied is made anew.

    Raises:
        TargetError: its ``host.json`` is unreadable; it was set aside, and is made anew next time.
    """
    root = root_of(state_dir, name)
    path = root / "host.json"
    try:
        data = json.loads(path.read_text())
        if data["root"] != str(root):
            return None
        return HostDirectory(
            name=data["name"],
            deployment=data["deployment"],
            address=data["address"],
            root=root,
            run=run_directory(root, data["uid"]),
        )
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise TargetError(f"cannot read {path}: {fault.strerror}") from fault
    except (ValueError, KeyError, TypeError) as fault:
        aside = path.with_name("host.json.unreadable")
        path.replace(aside)
        raise TargetError(
            f"{path} is unreadable: {fault}",
            changed=f"it was moved to {aside.name}",
            next="give the command again; the host gets the same address",
        ) from fault


def locate(state_dir: Path, name: str, deployment: str, uid: int) -> HostDirectory:
    """The host as it was created, or as it would be; touches nothing.

    One that was moved keeps its address, by which the members of an etcd cluster know each other;
    a copy beside the original gets one of its own.
    """
    known = read(state_dir, name)
    if known is not None:
        return known
    root = root_of(state_dir, name)
    host_address = _before_it_was_moved(root) or address.choose(f"{deployment}/{name}@{root}")
    return HostDirectory(name, deployment, host_address, root, run_directory(root, uid))


def _before_it_was_moved(root: Path) -> str | None:
    try:
        told = json.loads((root / "host.json").read_text())
        moved = told["root"] != str(root) and not Path(told["root"]).exists()
        before = str(told["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return before if moved and address.is_usable(before) else None


def create(state_dir: Path, name: str, deployment: str, uid: int, gid: int) -> HostDirectory:
    """Make the host's directory, or complete one that was begun.

    The directory itself, the lock and ``host.json`` belong to whoever runs Tenfold, and only what
    units write belongs to ``uid``: where that is root, nothing that it reads, writes or deletes by
    name may have been put there by the app's user.

    Raises:
        TargetError: the disk does not take it, or its place for sockets is somebody else's.
    """
    host = locate(state_dir, name, deployment, uid)
    root = _no_link(host.root)
    try:
        _make_reachable(state_dir)
        _make_reachable(root.parent)
        with _alone_in(root.parent):
            known = read(state_dir, name) is not None
            if not known and (root / "host.json").exists():
                # Moved or copied: what was declared here is full of paths to where it was.
                shutil.rmtree(root / "agent", ignore_errors=True)
            root.mkdir(mode=0o755, exist_ok=True)
            for name, mode in OF_UNITS.items():
                (root / name).mkdir(mode=mode, exist_ok=True)
                _give(root / name, uid, gid)
                if not known:
                    _give_all(root / name, uid, gid)
            if not known:
                _delete(_aside(root.parent) / root.name)  # its disk is needed
                _keep(host, uid)
            make_private(host.run, uid, gid)
    except OSError as fault:
        raise cannot_write(root, fault) from fault
    return host


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Nobody else makes a host here meanwhile."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_reachable(folder: Path) -> None:
    """Let units pass through on their way to their host's directory, when they are not its owner.

    Only for root: an ordinary user's units are that user's.
    """
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & 0o011 != 0o011:
            folder.chmod(mode | 0o011)


def _give(path: Path, uid: int, gid: int) -> None:
    """Without following a link: whoever owns the host's directory may have put one there."""
    found = path.lstat()
    if found.st_uid != uid:
        os.chown(path, uid, gid, follow_symlinks=False)


def _give_all(root: Path, uid: int, gid: int) -> None:
    """A copy belongs to whoever made it. Follows no link, not even one put there meanwhile."""
    for _, folders, files, handle in os.fwalk(root, follow_symlinks=False):
        for name in (*folders, *files):
            if os.stat(name, dir_fd=handle, follow_symlinks=False).st_uid != uid:
                os.chown(name, uid, gid, dir_fd=handle, follow_symlinks=False)


def _keep(host: HostDirectory, uid: int) -> None:
    data = {
        "name": host.name,
        "deployment": host.deployment,
        "address": host.address,
        "root": str(host.root),
        "run": str(host.run),
        "uid": uid,
    }
    replace_file(host.root / "host.json", json.dumps(data).encode(), 0o644)


def set_aside(host: HostDirectory, state_dir: Path) -> None:
    """Have it be no host any more, in one act that a power cut does not undo. :func:`delete_aside`
    deletes its files: whoever is cut off half-way leaves nothing that is taken for a host.

    Raises:
        TargetError: its directory is not where hosts of this deployment are, or would come to lie
            elsewhere; or what an earlier one of its name left cannot be deleted.
    """
    if host.root.is_symlink() or host.root.parent.resolve() != (state_dir / "hosts").resolve():
        raise TargetError(f"{host.root} is not a directory under {state_dir}: not deleted")
    aside = _aside(host.root.parent)
    _delete(aside / host.root.name)
    if host.run.parent != host.root and not host.run.is_symlink() and host.run.is_dir():
        shutil.rmtree(host.run)
    try:
        with _alone_in(host.root.parent):
            aside.mkdir(mode=0o700, exist_ok=True)
            host.root.rename(aside / host.root.name)
        for folder in (aside, host.root.parent):
            sync_directory(folder)
    except OSError as fault:
        raise cannot_write(aside, fault) from fault
    host.view.unlink(missing_ok=True)


def delete_aside(state_dir: Path) -> None:
    """Delete what is left of hosts that are none any more; never anything that a link points to.

    Raises:
        TargetError: something could not be deleted.
    """
    aside = _aside(state_dir / "hosts")
    try:
        for left in sorted(aside.iterdir()):
            _delete(left)
        aside.rmdir()
    except FileNotFoundError:
        return  # nothing is left, or somebody else deletes it as well
    except OSError as fault:
        raise TargetError(
            f"{aside} cannot be deleted: {fault.strerror}", next=f"mend that, then  rm -r {aside}"
        ) from fault


def _aside(hosts: Path) -> Path:
    """Where what is left of hosts lies. Raises ``TargetError`` for a link, as a repository may
    bring one along: behind it is nothing that is Tenfold's to delete."""
    return _no_link(hosts / ASIDE)


def _no_link(path: Path) -> Path:
    if path.is_symlink():
        raise TargetError(
            f"{path} is a link; Tenfold makes none there, and follows none",
            next=f"look where it leads, then  rm {path}",
        )
    return path


def _delete(left: Path) -> None:
    # rmtree unlinks links and, where the system allows, holds on to directories by descriptor.
    try:
        shutil.rmtree(left)
    except OSError as fault:
        if isinstance(fault, FileNotFoundError) and not os.path.lexists(left):
            return
        raise TargetError(
            f"{fault.filename or left} cannot be deleted: {fault.strerror or fault}",
            changed=f"{left.name} is no host any more; what is left of it is in {left}",
            next=f"mend that, then  rm -r {left}",
        ) from fault
