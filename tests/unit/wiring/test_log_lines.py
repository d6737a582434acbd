from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tenfold.wiring.log_lines import Line, decode, encode, stamp, texts, together

AT = datetime(2026, 11, 26, 14, 30, 1, 250_000, UTC).timestamp()
EDGE = {
    "time": "2026-11-26T14:30:01+00:00",
    "ended": AT,
    "id": "5f0c2a17",
    "path": "/notes",
    "status": 500,
}


def read(line: bytes) -> Line:
    return decode(line.decode().removesuffix("\n"))


@pytest.mark.parametrize(
    "text", ["plain", 'with "quotes" and \\', "two\nlines", "ünïcode \x00 \x1b"]
)
def test_what_an_app_prints_comes_back_with_its_request(text: str) -> None:
    line = encode(AT, "5f0c2a17", text)
    assert line.count(b"\n") == 1
    assert read(line) == Line(text, AT, "5f0c2a17")


def test_text_that_is_no_unicode_does_not_fail() -> None:
    assert read(encode(AT, None, "half \udc80")).text == "half \\udc80"


def test_the_edges_line_is_known_by_what_it_says() -> None:
    found = decode(json.dumps(EDGE, separators=(",", ":")))
    assert (found.at, found.request, found.fields["status"]) == (AT, "5f0c2a17", 500)


@pytest.mark.parametrize(
    "line",
    [
        '{"time":"2026-11-26T14:30:01Z","message":"an app that writes JSON itself"}',
        '{"time":"2026-11-26T14:30:01.5+01:00","id":7,"text":"x","more":1}',
        '{"time":"never","text":5}',
        '{"time":"2026-11-26T14:30:01Z", broken}',
        '{"time":"x","ended":"now","id":"a"}',
    ],
)
def test_other_json_stays_as_it_is(line: str) -> None:
    assert decode(line).text == line
    assert texts(line) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-26 14:30:01.250 UTC [7] LOG:  ready",
        "[2026-11-26 14:30:01,250: INFO/MainProcess] celery",
        "[2026-11-26 14:30:01.250 +0000] [8] [INFO] gunicorn",
        "2026-11-26T15:30:01.25+01:00 something",
    ],
)
def test_moments_are_read_as_servers_write_them(line: str) -> None:
    if "celery" in line:  # which writes local time
        assert stamp(line) == datetime(2026, 11, 26, 14, 30, 1, 250_000).timestamp()
    else:
        assert stamp(line) == AT


def test_local_moments_of_nginx_and_redis() -> None:
    local = datetime(2026, 11, 26, 14, 30, 1)
    assert stamp("2026/11/26 14:30:01 [error] 7#0: *1 refused") == local.timestamp()
    assert stamp("12:M 26 Nov 2026 14:30:01.500 * Ready") == local.timestamp() + 0.5


@pytest.mark.parametrize("line", ["", "INFO: started", "2026-13-45 99:99:99 x", "9:M 99 Foo 1 1"])
def test_lines_without_a_moment_have_none(line: str) -> None:
    assert stamp(line) is None


def grouped(*raw: str) -> list[str]:
    return [line.text for line in together(map(decode, raw))]


def test_a_traceback_written_by_the_line_stays_together() -> None:
    raw = (
        "the app failed",
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in f',
        "KeyError: 'x'",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "b.py", line 2, in g',
        "RuntimeError: y",
        "after",
    )
    assert grouped("first", *raw) == ["first", "\n".join(raw[:-1]), "after"]


def test_lines_with_moments_of_their_own_are_not_joined() -> None:
    raw = ("2026-11-26 14:30:01 UTC one", "\tdetail", "2026-11-26 14:30:02 UTC two")
    assert grouped(*raw) == [f"{raw[0]}\n{raw[1]}", raw[2]]


def test_what_never_ends_is_not_joined_for_ever() -> None:
    assert max(map(len, grouped("start", *[" " + "x" * 999] * 500))) < 70_000
