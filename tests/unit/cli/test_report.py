from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support import reports

from tenfold.cli.main import run
from tenfold.observe.report import store
from tenfold.observe.report.page import page


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tenfold.toml").write_text('name = "bakery"\napp = "m:a"\n')
    (tmp_path / ".tenfold").mkdir()
    return tmp_path


def given(project: Path) -> list[str]:
    folder = project / ".tenfold/reports"
    found = (reports.grown(), reports.backed_out(), reports.grown(holds=(), command="complete"))
    return [store.save(folder, report, page).name for report in found]


def told(project: Path, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["report", "--dir", str(project), *arguments]) == code
    out = capsys.readouterr()
    return out.out + out.err


def test_no_report_yet_is_no_failure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        told(project, capsys)
        == "no report yet: each move between stages and each drill leaves one\n"
    )
    assert json.loads(told(project, capsys, "--json")) == {"version": 1, "reports": []}


def test_reports_are_listed_newest_first(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grown, back, complete = given(project)
    rows = told(project, capsys).splitlines()
    assert [row.split()[0] for row in rows[:3]] == [back, grown, complete]
    assert rows[0].endswith("✗ taken back   37.8 s, longest wait 5,020 ms")
    assert "grow 10 -> 100+10" in rows[1]
    assert rows[2].endswith("no request held")


def test_the_last_report_is_shown_with_its_page(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, back, _ = given(project)
    text = told(project, capsys, "last")
    assert text == told(project, capsys, back)
    assert text.startswith("The move from stage 10 to stage 100 was taken back")
    assert text.endswith(f"Page   {project}/.tenfold/reports/{back}.html\n")


def test_programs_read_the_same(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grown, *_ = given(project)
    found = json.loads(told(project, capsys, grown, "--json"))
    assert found["report"] == json.loads(json.dumps(reports.grown().to_json()))
    listed = json.loads(told(project, capsys, "--json"))["reports"]
    assert {one["name"]: one["longest_wait_ms"] for one in listed}[grown] == 121.0


def test_one_that_cannot_be_read_does_not_hide_the_others(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grown, back, _ = given(project)
    (project / f".tenfold/reports/{back}.json").write_text("{")
    text = told(project, capsys)
    assert f"{back}" in text
    assert "cannot be read by this Tenfold" in text
    assert grown in text
    assert "cannot be read" in told(project, capsys, back, code=2)


def test_a_name_that_is_none_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no report" in told(project, capsys, "last", code=2)
