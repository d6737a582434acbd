"""The examples are what people have: ordinary code that has never heard of Tenfold."""

from __future__ import annotations

import pytest
from tests.support.examples import EXAMPLES

TEXTS = {".py", ".html", ".css", ".ini", ".txt", ".mako", ".json", ".toml"}


@pytest.mark.parametrize("name", ["polls", "flask-notes"])
def test_nothing_but_the_readme_knows_about_tenfold(name: str) -> None:
    files = [
        path
        for path in (EXAMPLES / name).rglob("*")
        if path.suffix in TEXTS and not {".venv", ".tenfold"} & set(path.parts)
    ]
    assert len(files) > 15
    assert [p for p in files if "tenfold" in p.read_text("utf-8").lower()] == []
    assert "tenfold init" in (EXAMPLES / name / "README.md").read_text("utf-8")
