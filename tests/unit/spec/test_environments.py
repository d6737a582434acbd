"""What an environment says is joined with the rest of the file, and refused where it is wrong."""

from __future__ import annotations

import jsonschema
import pytest

from tenfold.errors import SpecError
from tenfold.spec.environments import joined_with
from tenfold.spec.read import parse
from tenfold.spec.schema import json_schema

BASE = """\
name = "shop"
app = "shop:app"

[static]
assets = { "/static" = "static" }

[edge]
port = 8000
hold = "20s"

[env]
LEVEL = "info"
SITE = "shop"
"""


def staging(text: str) -> str:
    return f"{BASE}\n{text}"


def test_tables_are_joined_and_values_replaced() -> None:
    text = staging(
        "[environments.staging.edge]\nport = 8001\n"
        '[environments.staging.env]\nLEVEL = "debug"\n'
        '[environments.staging.static]\nassets = { "/media" = "media" }\n'
        "[environments.empty]\n"
    )
    default, found = parse(text), parse(text, environment="staging")
    assert (default.edge.port, found.edge.port, found.edge.hold_seconds) == (8000, 8001, 20.0)
    assert found.env == {"LEVEL": "debug", "SITE": "shop"}
    assert found.static.assets == {"/static": "static", "/media": "media"}
    assert default.env == {"LEVEL": "info", "SITE": "shop"}
    assert parse(text, environment="empty").edge == default.edge
    assert set(default.environments) == {"staging", "empty"}


def test_one_that_the_file_does_not_name_is_like_the_default() -> None:
    assert parse(BASE, environment="gone") == parse(BASE)


def test_joining_changes_neither() -> None:
    base, differences = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert joined_with(base, differences) == {"a": {"b": 1, "c": 2}}
    assert (base, differences) == ({"a": {"b": 1}}, {"a": {"c": 2}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[environments.staging.edge]\nprot = 1", ':16: [environments.staging.edge] prot: '),
        ("[environments.staging.edge]\nprot = 1", 'did you mean "port"?'),
        ("[environments.staging.edge]\nport = 70000", ":16: [environments.staging.edge] port"),
        ("[environments.staging.wrkers]\nx = 1", ":15: [environments.staging] wrkers"),
        ('[environments.staging]\nname = "x"', ":16: [environments.staging] name: is the same"),
        ("[environments.staging.environments.x]", "has no others in it"),
        ("[environments.Staging]", "tenfold.toml:15: "),
        ("[environments.default]", "the rest of the file describes"),
        ("[environments.abcdefghijklmnopqrstuvwxyz]", "more than 20 characters"),
        ("[environments]\nstaging = 3", "tenfold.toml:16: [environments] staging"),
        ('[environments.staging.edge]\nhold = "1s"', "max_hold must be less than [edge] hold"),
    ],
)  # fmt: skip
def test_what_is_wrong_there_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse(staging(text))
    assert said in refused.value.what, refused.value.what


def test_the_schema_knows_the_keys_of_an_environment() -> None:
    validator = jsonschema.Draft7Validator(json_schema())
    base = {"name": "shop", "app": "shop:app"}
    validator.validate({**base, "environments": {"staging": {"edge": {"port": 1}}}})
    for wrong in ({"edge": {"prot": 1}}, {"name": "x"}, {"server": {"workers": 0}}):
        assert [*validator.iter_errors({**base, "environments": {"staging": wrong}})]
