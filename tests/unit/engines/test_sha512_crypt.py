"""Hashes that every ``crypt`` of Linux knows."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.engines.nginx.sha512_crypt import LONGEST_PASSWORD_BYTES, sha512_crypt

# From the algorithm's own description (SHA-crypt.txt, version 0.6).
PUBLISHED = (
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS"
    "35inz1"
)


def test_it_is_as_published() -> None:
    found = sha512_crypt("Hello world!", "saltstring", rounds=5000)
    assert found.replace("rounds=5000$", "") == PUBLISHED


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to compare with")
@settings(max_examples=15)
@given(
    password=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60),
    salt=st.text("./abzABZ059", min_size=1, max_size=16),
)
def test_openssl_makes_the_same_of_any_password(password: str, salt: str) -> None:
    told = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", salt, "-stdin"],
        input=password + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    found = sha512_crypt(password, salt, rounds=5000)
    assert found.replace("rounds=5000$", "") == told.stdout.strip()


def test_a_password_that_would_take_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 256 bytes"):
        sha512_crypt("x" * (LONGEST_PASSWORD_BYTES + 1), "salt")
