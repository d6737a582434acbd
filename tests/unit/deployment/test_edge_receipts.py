"""A request is known by its id in the edge's log."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from tenfold.deployment.edge_receipts import Receipts
from tenfold.targets.local.entries import UnitLog


def line(id: str) -> str:
    told = {"time": "2026-11-26T12:00:00+00:00", "ended": 1.0, "id": id, "path": "/", "status": 404}
    return json.dumps(told, separators=(",", ":")) + "\n"


def test_what_came_in_from_now_on_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "edge.log"
    log.write_text(line("tenfold-dns-old"))
    receipts = Receipts([UnitLog("vm1", "edge", log)])
    with log.open("a") as file:
        file.write("no line of ours\n" + line("tenfold-dns-new") + line("somebody-else"))
    wanted = ("tenfold-dns-old", "tenfold-dns-new", "tenfold-dns-never")
    assert receipts.among(wanted, within_seconds=0.1) == {"tenfold-dns-new"}


def test_it_waits_for_the_edge_to_write_and_no_longer(tmp_path: Path) -> None:
    log = tmp_path / "edge.log"
    log.touch()
    receipts = Receipts([UnitLog("vm1", "edge", log)])
    writer = threading.Timer(0.2, lambda: log.write_text(line("tenfold-dns-late")))
    writer.start()
    assert receipts.among(["tenfold-dns-late"], within_seconds=60) == {"tenfold-dns-late"}
    writer.join()


def test_nothing_was_sent() -> None:
    assert Receipts([]).among([]) == frozenset()
