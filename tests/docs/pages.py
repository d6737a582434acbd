"""The project's Markdown pages and what is in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {"__pycache__", "node_modules", "build", "dist"}
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


def files() -> Iterator[Path]:
    """Every file of the project that could be committed; hidden folders are caches, but ``.ci``."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [
            name
            for name in inner
            if name == ".ci" or not (name.startswith(".") or name in GENERATED)
        ]
        yield from (Path(folder, name) for name in names)


def markdown() -> list[Path]:
    """The pages that people read, as they lie in a clone."""
    return [path for path in files() if path.suffix == ".md" and "articles" not in path.parts]


def prose(text: str) -> str:
    """A page without its code blocks and inline code."""
    return re.sub(r"`[^`\n]+`", "", FENCE.sub("", text))
