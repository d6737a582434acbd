from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.runtime import lines
from tenfold.runtime.lines import Lines, current, request_id
from tenfold.wiring.log_lines import Line, decode


class Log:
    """A log as the agent opens it, and such an output in front."""

    def __init__(self, path: Path) -> None:
        self.path = path
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.stream = os.fdopen(fd, "w")
        self.out = Lines(self.stream)

    def read(self) -> list[Line]:
        return [decode(line) for line in self.path.read_text().splitlines()]

    def texts(self) -> list[str]:
        return [line.text for line in self.read()]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "app.log")
    yield log
    log.stream.close()


def test_a_print_is_one_line_with_moment_and_request(log: Log) -> None:
    token = current.set({"type": "http", "headers": [(b"X-Request-Id", b"5f0c2a17")]})
    print("a", 1, None, file=log.out)
    current.reset(token)
    print("outside", file=log.out)
    first, second = log.read()
    assert (first.text, first.request) == ("a 1 None", "5f0c2a17")
    assert first.at is not None
    assert (second.text, second.request) == ("outside", None)


def test_a_logged_exception_is_one_line(log: Log) -> None:
    logger = logging.Logger("x")
    logger.addHandler(logging.StreamHandler(log.out))
    try:
        raise KeyError("burnt")
    except KeyError:
        logger.exception("the app failed")
    (text,) = log.texts()
    assert text.startswith("the app failed\nTraceback (most recent call last):\n")
    assert text.endswith("KeyError: 'burnt'")


def test_a_printed_traceback_is_one_line(log: Log) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        traceback.print_exc(file=log.out)
    log.out.flush()
    assert log.texts()[0].startswith("Traceback")
    assert "ValueError: two" in log.texts()[0]


def test_text_without_an_end_comes_when_it_is_flushed_or_another_request_prints(log: Log) -> None:
    print("half", end="", file=log.out)
    assert log.texts() == []
    log.out.flush()
    assert log.texts() == ["half"]
    current_before = current.set("first-request")
    print("mine", end="", file=log.out)
    current.set("second-request")
    print("yours", file=log.out)
    current.reset(current_before)
    assert [(x.text, x.request) for x in log.read()[1:]] == [
        ("mine", "first-request"),
        ("yours", "second-request"),
    ]


def test_requests_that_run_at_once_are_told_apart(log: Log) -> None:
    async def one(name: str) -> None:
        current.set({"headers": [(b"x-request-id", name.encode())]})
        for _ in range(5):
            print(name, file=log.out)
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(one("request-a"), one("request-b"))

    asyncio.run(both())
    found = log.read()
    assert len(found) == 10
    assert all(line.text == line.request for line in found)


def test_a_full_disk_fails_nobody() -> None:
    with open("/dev/full", "w") as full:
        out = Lines(full)
        print("lost", file=out)
        assert out.lost == 1
        with contextlib.suppress(OSError):
            full.close()


def test_long_text_is_cut_into_lines_and_none_is_lost(log: Log) -> None:
    text = "x" * (lines.MOST_CHARACTERS * 2 + 7)
    print(text, file=log.out)
    assert "".join(log.texts()) == text
    assert len(log.texts()) == 3


@pytest.mark.parametrize(
    ("carrier", "found"),
    [
        (None, None),
        ("", None),
        ("an-id", "an-id"),
        ({"type": "lifespan"}, None),
        ({"headers": []}, None),
        ({"headers": [(b"x-request-id", b"y" * 500)]}, "y" * lines.LONGEST_ID),
    ],
)
def test_ids_are_found_where_servers_put_them(carrier: lines.Carrier, found: str | None) -> None:
    assert request_id(carrier) == found


def test_only_a_units_output_is_replaced(tmp_path: Path) -> None:
    code = (
        "import sys; from tenfold.runtime import lines; lines.install();"
        "print('x'); sys.stderr.write('y\\n')"
    )
    for unit, found in ((None, ["x", "y"]), ("d/h/app/1", ["x", "y"])):
        env = {k: v for k, v in os.environ.items() if k != lines.UNIT}
        log = tmp_path / f"{unit is None}.log"
        with log.open("ab") as output:
            subprocess.run(
                [sys.executable, "-u", "-c", code],
                env=env | ({lines.UNIT: unit} if unit else {}),
                stdout=output,
                stderr=output,
                check=True,
            )
        raw = log.read_text().splitlines()
        assert [decode(line).text for line in raw] == found
        assert all(line.startswith("{") == bool(unit) for line in raw)


def test_programs_that_the_app_starts_write_as_before(log: Log) -> None:
    subprocess.run(["echo", "raw"], stdout=log.out.fileno(), check=True)
    log.out.buffer.write(b"bytes\n")
    log.out.buffer.flush()
    assert log.texts() == ["raw", "bytes"]
