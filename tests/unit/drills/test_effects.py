"""What cannot be mended keeps nothing else from being mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.drills import disks, effects
from tenfold.drills.effects import Scene
from tenfold.drills.kept import Broken
from tenfold.drills.model import FillDisk, KillHosts
from tenfold.errors import StepFailed, TargetError
from tenfold.targets.memory import MemoryAgent, MemoryTarget
from tenfold.topology.model import Host


class Partly(MemoryTarget):
    """One of whose hosts nobody can have run."""

    def ensure(self, host: Host) -> MemoryAgent:
        if host.name == "db1":
            raise TargetError("db1 has no room")
        return super().ensure(host)


def scene(root: Path) -> Scene:
    roots = {name: root / name for name in ("db1", "db2")}
    return Scene("shop", Partly(), roots, dict.fromkeys(roots, "127.0.0.1"), 0, {})


def test_a_host_that_cannot_be_brought_back_keeps_no_other_from_it(tmp_path: Path) -> None:
    there = scene(tmp_path)
    with pytest.raises(StepFailed, match="db1 has no room") as told:
        effects.mend(Broken("kill-zone a", 7, 1.5, KillHosts(("db1", "db2"))), there)
    assert there.target.reach("db2") is not None
    assert told.value.next
    assert "tenfold drill --mend" in told.value.next


def test_ballast_that_cannot_be_removed_is_told_of(tmp_path: Path) -> None:
    ballast = tmp_path / "db1" / disks.BALLAST
    ballast.mkdir(parents=True)
    broken = Broken("fill-disk", 7, 1.5, FillDisk("db1"), {"ballast": str(ballast)})
    with pytest.raises(StepFailed, match="fill-disk"):
        effects.mend(broken, scene(tmp_path))


def test_without_a_record_whatever_has_a_name_is_mended(tmp_path: Path) -> None:
    ballast = [tmp_path / name / disks.BALLAST for name in ("db1", "db2")]
    for one in ballast:
        one.parent.mkdir()
        one.write_bytes(b"0")
    effects.mend_whatever(scene(tmp_path))
    assert not any(one.exists() for one in ballast)
