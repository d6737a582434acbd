from __future__ import annotations

import stat
from pathlib import Path

import pytest
from tests.support import reports

from tenfold.errors import UsageError
from tenfold.observe.report import store
from tenfold.observe.report.model import Report
from tenfold.observe.report.page import page


def saved(folder: Path, kept: int = 100, **changes: object) -> str:
    return store.save(folder, reports.grown(**changes), page, kept=kept).name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "reports"


def test_a_report_lies_beside_its_page_for_its_owner_alone(folder: Path) -> None:
    filed = store.save(folder, reports.grown(), page)
    assert filed.name.endswith("-grow-100")
    assert filed.page == folder / f"{filed.name}.html"
    assert sorted(path.suffix for path in folder.iterdir()) == [".html", ".json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert store.load(folder, filed.name) == (filed.name, reports.grown())
    assert filed.page.read_text("utf-8") == page(reports.grown())


def test_a_report_is_never_written_over(folder: Path) -> None:
    names = [saved(folder, app=app) for app in ("one", "two", "three")]
    assert [name[17:] for name in names] == ["-grow-100", "-grow-100-2", "-grow-100-3"]
    assert [store.load(folder, name)[1].app for name in names] == ["one", "two", "three"]
    assert store.load(folder, "last")[1].app == "three"


def test_a_page_without_its_data_is_not_written_over_either(folder: Path) -> None:
    name = saved(folder)
    (folder / f"{name}.json").unlink()
    assert saved(folder) == f"{name}-2"


def test_the_name_tells_where_the_command_led(folder: Path) -> None:
    assert saved(folder, command="reverse", after="10+100").endswith("-reverse-10")
    assert saved(folder, command="grow", after="10", outcome="failed").endswith("-grow-100")


def test_only_the_newest_are_kept_and_nothing_else_goes(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.json").write_text("mine")
    for hour in range(5):
        last = saved(folder, 2, began=reports.BEGAN + 3600 * hour)
    assert len(store.names(folder)) == 2
    assert store.names(folder)[0] == last
    assert len(list(folder.glob("*.html"))) == 2
    assert (folder / "notes.json").read_text() == "mine"


def test_a_report_of_a_clock_that_went_back_is_not_the_one_that_goes(folder: Path) -> None:
    saved(folder, 1)
    name = saved(folder, 1, began=reports.BEGAN - 86_400)
    assert store.load(folder, name)[0] == name


def test_the_newest_comes_first_and_numbers_count_as_numbers(folder: Path) -> None:
    names = [saved(folder) for _ in range(11)]
    assert store.names(folder) == tuple(reversed(names))


@pytest.mark.parametrize("name", ["last", "2026-11-25-153012-grow-100", "../secrets", "", "/etc/x"])
def test_a_report_that_is_not_there_is_told(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="there is no report"):
        store.load(folder, name)


def test_no_name_leads_out_of_the_folder(folder: Path) -> None:
    saved(folder)
    (folder.parent / "secrets.json").write_text("{}")
    with pytest.raises(UsageError, match="there is no report"):
        store.load(folder, "../secrets")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"format": 99}', b"\xff"])
def test_a_report_that_cannot_be_read_is_told(folder: Path, data: bytes) -> None:
    name = saved(folder)
    (folder / f"{name}.json").write_bytes(data)
    with pytest.raises(UsageError, match="cannot be read"):
        store.load(folder, name)


def test_the_name_of_its_file_is_as_good(folder: Path) -> None:
    name = saved(folder)
    assert store.load(folder, f"{name}.html")[0] == store.load(folder, f"{name}.json")[0] == name


def test_a_page_that_cannot_be_made_leaves_no_file_behind(folder: Path) -> None:
    def broken(report: Report) -> str:
        raise RuntimeError(report.app)

    with pytest.raises(RuntimeError):
        store.save(folder, reports.grown(), broken)
    assert list(folder.iterdir()) == []
