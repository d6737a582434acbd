"""The flagship example: its file is valid, and only its file knows about Tenfold."""

from __future__ import annotations

from pathlib import Path

from tenfold.load import plan_load
from tenfold.spec import read

CONDUIT = Path(__file__).parents[3] / "examples" / "conduit"
TEXTS = ("*.py", "*.html", "*.css", "*.js", "*.mako", "*.ini", "*.txt", "*.md", "*.toml")


def test_its_file_is_valid_and_names_what_is_there() -> None:
    spec = read.load(CONDUIT / "tenfold.toml")
    module, _, attribute = spec.app.partition(":") if spec.app else ("", "", "")
    source = CONDUIT / Path(*module.split(".")).with_suffix(".py")
    assert f"{attribute} = create_app()" in source.read_text()
    assert all((CONDUIT / directory).is_dir() for directory in spec.static.assets.values())


def test_its_load_can_be_planned_and_follows_its_writes() -> None:
    spec = read.load(CONDUIT / "tenfold.toml")
    assert spec.load is not None
    plan = plan_load(spec.load, run_id="0" * 8)
    assert plan.keeps_ledger
    assert {request.method for request in spec.load.requests} >= {"GET", "POST"}


def test_nothing_but_its_file_knows_about_tenfold() -> None:
    knowing = [
        path.relative_to(CONDUIT).as_posix()
        for folder in (CONDUIT / "conduit", CONDUIT / "migrations", CONDUIT / "tests")
        for pattern in TEXTS
        for path in folder.rglob(pattern)
        if "tenfold" in path.read_text(encoding="utf-8").lower()
    ]
    assert knowing == []
