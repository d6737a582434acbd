from __future__ import annotations

import pytest

from tenfold.cli.logs import require_units
from tenfold.errors import Refused

KNOWN = ("app", "app.1.1", "app.1.2", "db", "edge")


@pytest.mark.parametrize("names", [(), ("app",), ("edge", "app.1.2")])
def test_units_and_pools_may_be_named(names: tuple[str, ...]) -> None:
    require_units(names, KNOWN)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("egde",), 'there is no unit egde; did you mean "edge"?'),
        (("app", "zzz"), "there is no unit zzz"),
        (("zzz", "yyy"), "there is no unit zzz and no unit yyy"),
        (("app.9.1",), "there is no unit app.9.1"),
    ],
)
def test_others_are_refused_with_all_that_there_are(names: tuple[str, ...], words: str) -> None:
    with pytest.raises(Refused) as refused:
        require_units(names, KNOWN)
    assert refused.value.what.startswith(words)
    assert refused.value.next == "tenfold logs app db edge    names all that there are"


def test_where_nothing_ran_status_is_named() -> None:
    with pytest.raises(Refused) as refused:
        require_units(("app",), ())
    assert refused.value.next == "tenfold status    tells what runs"
