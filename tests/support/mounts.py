"""Whether a process here may have a mount namespace of its own to work in."""

from __future__ import annotations

from pathlib import Path


def root_is_mounted() -> bool:
    """Not so in a plain chroot, whose root is a folder: nobody can say whom mounts in it reach."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == "/" for line in lines)
