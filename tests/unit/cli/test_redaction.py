from __future__ import annotations

import pytest

from tenfold.cli.redaction import MASK, redacted, without


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["deploy", "--leave-behind"], ["deploy", "--leave-behind"]),
        (["run", "x", "--password", "hunter2"], ["run", "x", "--password", MASK]),
        (["run", "x", "--db-password=hunter2"], ["run", "x", f"--db-password={MASK}"]),
        (["run", "env", "API_KEY=hunter2", "x"], ["run", "env", f"API_KEY={MASK}", "x"]),
        (["run", "x", "--token", "--verbose"], ["run", "x", "--token", "--verbose"]),
        (["psql", "postgresql://u:hunter2@h/d"], ["psql", f"postgresql://u:{MASK}@h/d"]),
        (
            ["psql", "-c", "alter user u password 'hun''ter2' login"],
            ["psql", "-c", f"alter user u password '{MASK}' login"],
        ),
        (["run", "echo", "xx hunter2 yy"], ["run", "echo", f"xx {MASK} yy"]),
        (["maintenance", "on", "-m", "back soon"], ["maintenance", "on", "-m", "back soon"]),
    ],
)
def test_what_looks_like_a_secret_or_is_known_to_be_one_is_masked(
    given: list[str], kept: list[str]
) -> None:
    known = ["hunter2", "no"] if "echo" in given else []
    assert list(redacted(given, known)) == kept


def test_long_ones_are_cut_and_many_are_counted() -> None:
    found = redacted(["x" * 1000, *"abc" * 30])
    assert len(found[0]) == 303
    assert found[-1] == "... and 41 more"


def test_the_longest_known_value_goes_first() -> None:
    assert without("abcdef", ["abcd", "abcdef"]) == MASK
