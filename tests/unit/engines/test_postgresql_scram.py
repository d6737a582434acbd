from __future__ import annotations

import pytest

from tenfold.engines.postgresql.scram import matches
from tenfold.secret import Secret

# RFC 7677, section 3: password "pencil"; stored and server key follow from salt and iterations.
VERIFIER = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_the_password_of_the_rfc_matches() -> None:
    assert matches(VERIFIER, Secret("pencil"))


@pytest.mark.parametrize("password", ["", "Pencil", "pencil ", "x"])
def test_other_passwords_do_not(password: str) -> None:
    assert not matches(VERIFIER, Secret(password))


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "md5d41d8cd98f00b204e9800998ecf8427e",
        "SCRAM-SHA-256$x:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm:wfPL",
        VERIFIER.replace("SHA-256", "SHA-1"),
        VERIFIER.replace("$", "-"),
    ],
)
def test_anything_else_that_may_be_stored_matches_nothing(stored: str) -> None:
    assert not matches(stored, Secret("pencil"))
