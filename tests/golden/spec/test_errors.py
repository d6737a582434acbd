"""Files that are refused, and what exactly is said about them.

Each case is a file: the ``tenfold.toml``, a line ``----``, the error as the user reads it. After a
change on purpose: ``TENFOLD_GOLDEN=write pytest tests/golden/spec``, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.errors import SpecError
from tenfold.spec.read import parse

HERE = Path(__file__).parent
LINE = "----\n"


@pytest.mark.parametrize("case", sorted(HERE.glob("*.txt")), ids=lambda path: path.stem)
def test_error(case: Path) -> None:
    text, _, expected = case.read_text().partition(LINE)
    with pytest.raises(SpecError) as caught:
        parse(text)
    said = f"{caught.value.what}\nWhat next  {caught.value.next}\n"
    if os.environ.get("TENFOLD_GOLDEN") == "write":
        case.write_text(text + LINE + said)
        expected = said
    assert said == expected
