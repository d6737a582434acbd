from __future__ import annotations

import io

import pytest

from tenfold.cli.output import Output, suggested


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Next   tenfold deploy", "Next   tenfold --env staging deploy"),
        ("tenfold up\ntenfold plan", "tenfold --env staging up\ntenfold --env staging plan"),
        ("/opt/tenfold lib, my-tenfold x, Tenfold", "/opt/tenfold lib, my-tenfold x, Tenfold"),
    ],
)
def test_a_suggested_command_names_the_environment(text: str, read: str) -> None:
    assert suggested(text, "staging") == read
    assert suggested(text, None) == text


def test_lines_for_people_are_suggestions_too() -> None:
    stream = io.StringIO()
    Output(stream=stream, environment="staging").line("Next   tenfold down")
    assert stream.getvalue() == "Next   tenfold --env staging down\n"
