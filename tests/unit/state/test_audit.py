from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from tenfold.errors import Refused
from tenfold.state import audit
from tenfold.state.audit import AgentDeed, Log, process


def begin(id_: str, at: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"record": "begin", "id": id_, "at": at, "command": "deploy", **process(), **more}


def end(id_: str, at: float = 2.5, outcome: str = "done") -> dict[str, Any]:
    return {"record": "end", "id": id_, "at": at, "outcome": outcome, "code": 0}


def test_a_command_is_its_beginning_and_its_end(tmp_path: Path) -> None:
    log = Log(tmp_path / "audit.jsonl")
    assert log.entries() == ()
    log.append(begin("a"))
    log.append(begin("b"))
    log.append(end("a", outcome="refused"))
    first, second = log.entries()
    assert (first.outcome, first.seconds) == ("refused", 1.5)
    assert (second.outcome, second.seconds) == ("running", None)
    assert first.to_json()["code"] == 0
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_one_without_an_end_whose_process_is_gone_was_killed(tmp_path: Path) -> None:
    log = Log(tmp_path / "audit.jsonl")
    log.append(begin("another process with this pid", started="0/1"))
    log.append({**begin("no such process"), "pid": 2**22 - 1})
    assert [entry.outcome for entry in log.entries()] == ["killed", "killed"]


def test_it_is_turned_over_and_nothing_of_a_pair_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MAX_BYTES", 600)
    log = Log(tmp_path / "audit.jsonl")
    for number in range(6):
        log.append(begin(str(number)))
        log.append(end(str(number)))
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) > 2
    assert all(path.stat().st_size <= 600 for path in tmp_path.iterdir())
    assert [entry.began["id"] for entry in log.entries()][-4:] == ["2", "3", "4", "5"]
    assert all(entry.outcome == "done" for entry in log.entries())
    for number in range(100):
        log.append(begin(f"more {number}"))
    assert len(list(tmp_path.iterdir())) == audit.KEEP + 1


def test_half_a_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = Log(path)
    log.append(begin("a"))
    with path.open("a") as file:
        file.write('{"record": "begin", "id": "half')
    log.append(end("a"))
    assert [entry.outcome for entry in log.entries()] == ["done"]


def _write(path: Path, name: str) -> None:
    log = Log(path)
    for number in range(50):
        log.append(begin(f"{name}{number}"))


def test_several_at_once_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    lines = path.read_text().splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 150


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused):
        Log(tmp_path / "audit.jsonl").append(begin("a"))
    assert not (tmp_path / "elsewhere").exists()


def test_what_agents_did_by_themselves_stands_beside_the_commands(tmp_path: Path) -> None:
    log = Log(tmp_path / "audit.jsonl")
    deed = {"record": "deed", "id": "d1", "at": 5.0, "host": "vm1", "what": "beat works again"}
    log.append(deed)
    log.append(deed)
    assert log.entries() == ()
    assert log.deeds() == {"d1": AgentDeed("d1", 5.0, "vm1", "beat works again")}
