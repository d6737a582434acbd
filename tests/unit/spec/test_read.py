from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tenfold.errors import SpecError
from tenfold.secret import Secret
from tenfold.spec.read import load, parse, variables

SMALL = 'name = "shop"\napp = "shop.main:app"\n'


def refusal(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert caught.value.exit_code == 2
    return caught.value


def test_two_keys_are_enough() -> None:
    spec = parse(SMALL)
    assert (spec.name, spec.app) == ("shop", "shop.main:app")
    assert spec.python is None
    assert spec.release.health_path == "/"
    assert spec.release.health_below == 500
    assert spec.server.workers == "auto"
    assert spec.edge.port == 8000
    assert spec.edge.address == "127.0.0.1"
    assert spec.load is None


def test_units_become_seconds_and_bytes() -> None:
    spec = parse(SMALL + '[server]\ndrain = "2m"\n[edge]\nmax_body = "2MiB"\nhold = "7500ms"\n')
    assert spec.server.drain_seconds == 120
    assert spec.edge.max_body_bytes == 2 << 20
    assert spec.edge.hold_seconds == 7.5


def test_a_named_health_page_must_answer_below_400() -> None:
    spec = parse(SMALL + '[release]\nhealth = "/"\n')
    assert (spec.release.health_path, spec.release.health_below) == ("/", 400)


def test_the_spec_cannot_be_changed() -> None:
    spec = parse(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        spec.server.workers = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[release]\nmigrate = 3", '[release] migrate: is not a text; write it as "3"'),
        ('[edge]\nport = "80"', '[edge] port: "80" is not a whole number'),
        ("[edge]\nport = true", "[edge] port: true is not a whole number"),
        ("[server]\nworkers = true", "[server] workers: true is neither"),
        ("[env]\nDEBUG = true", '[env] DEBUG: true is not a text; write it as "true"'),
    ],
)
def test_values_are_not_converted_behind_the_back(text: str, answer: str) -> None:
    assert answer in refusal(SMALL + text).what


def test_a_required_key_under_a_wrong_name_is_one_problem() -> None:
    error = refusal('nmae = "shop"\napp = "shop.main:app"\n')
    assert error.what == 'tenfold.toml:1: nmae: unknown key; did you mean "name"?'


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    error = refusal('app = "x"\nname = "X"\n[server]\nwokers = 1\ndrain = 3\n')
    assert [line.split(":")[1] for line in error.what.splitlines()] == ["1", "2", "4", "5"]


def test_an_unknown_key_is_answered_with_the_known_one() -> None:
    error = refusal(SMALL + "\n\n[server]\nwokers = 3\n")
    assert error.what == ('tenfold.toml:6: [server] wokers: unknown key; did you mean "workers"?')
    assert error.next == "correct it; tenfold docs server explains the keys"


def test_a_key_in_the_wrong_table_is_told_where_it_belongs() -> None:
    assert "it belongs into [release]" in refusal(SMALL + 'migrate = "x"').what
    assert "it belongs at the top" in refusal('app="a:b"\n[server]\nname = "x"').what


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('[database]\nshard_by = "id"', "4: [database] shard_by: comes with stage 1m"),
        ("[services.a]\nroutes = []", "3: services: comes with stage 100k"),
        (
            '[reads]\nroutes = ["/"]',
            "3: reads: comes with the rest of stage 1k, in a later version",
        ),
    ],
)
def test_what_comes_later_says_when(text: str, answer: str) -> None:
    assert refusal(SMALL + text).what == f"tenfold.toml:{answer}"


def test_a_misspelt_command_is_one_problem_not_two() -> None:
    error = refusal('name = "shop"\ncomand = "gunicorn site.wsgi"\n')
    assert error.what == 'tenfold.toml:2: comand: unknown key; did you mean "command"?'


def test_what_is_not_toml_is_told_with_line_and_column() -> None:
    assert refusal('name = "shop"\napp = \n').what.startswith("tenfold.toml:2:7: not TOML: ")
    assert refusal('name = "shop').what.startswith("tenfold.toml:1:13: not TOML: ")
    assert refusal("[a]\nb = [1,\n").what.startswith("tenfold.toml:2:8: not TOML: ")


def test_a_missing_file_names_init(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"there is no tenfold\.toml in ") as caught:
        load(tmp_path)
    assert "tenfold init" in str(caught.value.next)


def test_the_folder_or_the_file_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "tenfold.toml"
    file.write_text(SMALL)
    assert load(tmp_path) == load(file) == parse(SMALL)


def test_a_byte_order_mark_is_no_key(tmp_path: Path) -> None:
    file = tmp_path / "tenfold.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert load(file).name == "shop"


def test_other_encodings_are_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "tenfold.toml"
    file.write_bytes(SMALL.encode() + '# "é"'.encode("latin-1"))
    with pytest.raises(SpecError, match=r"^tenfold\.toml:3: not UTF-8 text"):
        load(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "tenfold.toml"
    file.write_text(SMALL)
    file.chmod(stat.S_IWUSR)
    with pytest.raises(SpecError, match="cannot be read: Permission denied"):
        load(file)


def test_a_folder_of_that_name_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "tenfold.toml").mkdir()
    with pytest.raises(SpecError, match=r"tenfold\.toml"):
        load(tmp_path)


def test_variables_from_the_callers_environment_are_secret() -> None:
    spec = parse(SMALL + '[env]\nPLAIN = "a$$b"\nKEY = "k-${SECRET}"\n')
    found = variables(spec, {"SECRET": "s3cret"})
    assert found == {"PLAIN": "a$b", "KEY": Secret("k-s3cret")}
    assert "s3cret" not in str(found)


def test_variables_that_are_not_set_are_told_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "tenfold.toml"
    file.write_text(SMALL + '[env]\nKEY = "${NOT_SET}"\nOTHER = "${NOT_SET_EITHER}"\n')
    with pytest.raises(SpecError) as caught:
        variables(load(file), {}, path=file)
    assert caught.value.what.splitlines() == [
        "tenfold.toml:4: [env] KEY: ${NOT_SET} is not set where tenfold was started",
        "tenfold.toml:5: [env] OTHER: ${NOT_SET_EITHER} is not set where tenfold was started",
    ]


@pytest.mark.parametrize("key", ["build", "migrate"])
def test_a_command_whose_quote_is_not_closed_is_told_with_its_line(key: str) -> None:
    error = refusal(f"{SMALL}[release]\n{key} = 'python \"unclosed'\n")
    assert error.what == (
        f'tenfold.toml:4: [release] {key}: python "unclosed is not a command: '
        "a closing quote is missing"
    )


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("server", "drain"),
        ("server", "health_timeout"),
        ("edge", "hold"),
        ("edge", "request_timeout"),
    ],
)
def test_no_wait_is_longer_than_a_day(table: str, key: str) -> None:
    assert parse(f'{SMALL}[{table}]\n{key} = "24h"\n')
    error = refusal(f'{SMALL}[{table}]\n{key} = "30000h"\n')
    assert error.what == (
        f'tenfold.toml:4: [{table}] {key}: is longer than a day; write at most "24h"'
    )
    assert "longer than a day" in refusal(f'{SMALL}[{table}]\n{key} = "{"9" * 400}h"\n').what


@pytest.mark.parametrize(
    ("tables", "line"), [('[transition]\nmax_hold = "20s"', 3), ('[edge]\nhold = "3s"', 1)]
)
def test_the_edge_waits_for_longer_than_a_switch_may_take(tables: str, line: int) -> None:
    with pytest.raises(SpecError, match="max_hold must be less than") as refusal:
        parse(f'name = "shop"\napp = "shop:app"\n{tables}\n')
    assert f"tenfold.toml:{line}: transition: " in str(refusal.value)
