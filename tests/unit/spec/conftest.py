from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a project: names and texts of its files, and what its environment has installed."""

    def write(files: dict[str, str], installed: tuple[str, ...] = (), venv: str = ".venv") -> Path:
        root = tmp_path / "bakery"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        if installed:
            site = root / venv / "lib/python3.12/site-packages"
            for distribution in installed:
                (site / f"{distribution}.dist-info").mkdir(parents=True)
            (root / venv / "pyvenv.cfg").write_text("home = /usr/bin\n")
        return root

    return write
