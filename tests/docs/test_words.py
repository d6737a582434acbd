"""The project speaks of itself alone: nobody's machine is named in it."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, files

# Somebody's own folder; one letter (/home/u) is an example.
PERSONAL = re.compile(rb"/(?:home|Users)/[a-z][\w-]+/|(?<![\w.\-~>})])/work/[a-z]")
BINARY = {".woff2", ".png", ".jpg", ".ico", ".gz", ".pyc"}


def test_no_file_names_a_folder_of_somebody_s_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0].decode()}"
        for path in files()
        if path.suffix not in BINARY
        for match in PERSONAL.finditer(path.read_bytes())
    ]
    assert found == []


def test_the_check_can_fail() -> None:
    for home in (b"/home/" + b"jo/shop", b"/Users/" + b"jo/shop", b" /work" + b"/main"):
        assert PERSONAL.search(home), home
    for fine in (b"/home/u/shop", b"https://example.org/home/", b"frame/work/out", b"/home/"):
        assert not PERSONAL.search(fine), fine
