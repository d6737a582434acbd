import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tenfold.errors import LoadError, Refused
from tenfold.load import Ledger, read_ledger
from tenfold.load.record import parse_ledger

RUN = "1f3a9c2e"


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l", RUN) as ledger:
        for one in ("a", "b", "c", "d"):
            ledger.intend(one)
        ledger.settle("a", "acknowledged", 201)
        ledger.settle("b", "refused", 422)
        ledger.settle("c", "unknown", 502)
        ledger.flush()
        assert (ledger.sent, ledger.acknowledged) == (4, 1)
    record = read_ledger(tmp_path / "l")
    assert record.run_id == RUN
    assert record.outcomes == {"a": "acknowledged", "b": "refused", "c": "unknown", "d": "unknown"}
    assert record.damaged_lines == 0


def test_an_intent_is_in_the_file_before_the_request_can_be_sent(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l", RUN) as ledger:
        ledger.intend("a")
        assert (tmp_path / "l").read_text().splitlines()[-1] == '{"sent": "a"}'


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("precious")
    with pytest.raises(Refused, match="exists already"):
        Ledger(tmp_path / "l", RUN)
    assert (tmp_path / "l").read_text() == "precious"


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="cannot be created"):
        Ledger(tmp_path / "no" / "l", RUN)


def test_closing_twice_is_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l", RUN)
    ledger.close()
    ledger.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from tenfold.load import Ledger
ledger = Ledger(Path(sys.argv[1]), "1f3a9c2e")
for n in range(1_000_000):
    ledger.intend(f"i{n}")
    ledger.settle(f"i{n}", "acknowledged", 200)
    if n % 50 == 0:
        ledger.flush()
        print(ledger.acknowledged, flush=True)
"""


def test_what_counted_as_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "l")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(5)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout]
    outcomes = read_ledger(tmp_path / "l").outcomes
    assert list(outcomes.values()).count("acknowledged") >= told[-1] > 0


FULL = """
import resource, sys
from pathlib import Path
from tenfold.errors import LoadError
from tenfold.load import Ledger
ledger = Ledger(Path(sys.argv[1]), "1f3a9c2e")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    for n in range(1000):
        ledger.intend(f"i{n}")
        ledger.settle(f"i{n}", "acknowledged", 200)
        ledger.flush()
except LoadError as error:
    print(n, ledger.acknowledged, error)
try:
    ledger.close()
except LoadError as error:
    print("again", error)
"""


def test_a_full_disk_stops_the_load_instead_of_the_bookkeeping(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "l")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    sent, acknowledged, *told = done.stdout.splitlines()[0].split()
    assert "can no longer be written" in " ".join(told)
    assert done.stdout.splitlines()[1].startswith("again")
    outcomes = list(read_ledger(tmp_path / "l").outcomes.values())
    assert outcomes.count("acknowledged") >= int(acknowledged)
    assert int(sent) - int(acknowledged) in (0, 1)


def ledger_bytes(*lines: object) -> bytes:
    head = {"ledger": 1, "run": RUN}
    return b"".join(json.dumps(line).encode() + b"\n" for line in (head, *lines))


def test_a_torn_last_line_is_passed_over_and_counted() -> None:
    whole = ledger_bytes({"sent": "a"}, {"acknowledged": "a"}, {"sent": "b"})
    for cut in range(1, len('{"sent": "b"}')):
        record = parse_ledger(whole[: -1 - cut])
        assert record.outcomes == {"a": "acknowledged"}
        assert record.damaged_lines == 1
    assert parse_ledger(whole[:-1]).outcomes == {"a": "acknowledged", "b": "unknown"}


def test_blocks_of_zeros_after_a_power_cut_hide_nothing_that_is_readable() -> None:
    record = parse_ledger(ledger_bytes({"sent": "a"}) + b"\0" * 512 + b'\n{"acknowledged": "b"}\n')
    assert record.outcomes == {"a": "unknown", "b": "acknowledged"}
    assert record.damaged_lines == 1


def test_a_late_intent_does_not_take_back_an_acknowledgement() -> None:
    record = parse_ledger(ledger_bytes({"acknowledged": "a"}, {"sent": "a"}))
    assert record.outcomes == {"a": "acknowledged"}


@pytest.mark.parametrize("data", [b"", b"hello\n", b"[]\n", b'{"ledger": "1", "run": "x"}\n'])
def test_what_is_no_ledger_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(data)
    with pytest.raises(LoadError, match="not a ledger"):
        read_ledger(tmp_path / "l")


def test_a_ledger_of_a_newer_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 2"):
        parse_ledger(b'{"ledger": 2, "run": "x"}\n')


def test_a_ledger_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="cannot be read"):
        read_ledger(tmp_path / "l")


def test_no_thread_is_left(tmp_path: Path) -> None:
    before = threading.active_count()
    with Ledger(tmp_path / "l", RUN):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_an_error_before_anything_was_sent_leaves_no_file_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Ledger(tmp_path / "l", RUN):
        raise ZeroDivisionError
    assert not (tmp_path / "l").exists()


def test_an_error_after_something_was_sent_keeps_the_file(tmp_path: Path) -> None:
    def load() -> None:
        with Ledger(tmp_path / "l", RUN) as ledger:
            ledger.intend("a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        load()
    assert read_ledger(tmp_path / "l").outcomes == {"a": "unknown"}
