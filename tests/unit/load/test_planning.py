import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tenfold.errors import SpecError, UsageError
from tenfold.load import LoadPlan, load_table_from, plan_load
from tenfold.load.plan import EndpointSource, SqlSource, TableSource
from tenfold.spec.load import LoadTable

REFERENCE = """
rate = 50
duration = "30s"
ramp = "5s"
arrivals = "poisson"
[ledger]
table = "comments"
column = "body"
match = "contains"
[[setup]]
method = "POST"
path = "/api/users"
json = { user = { username = "load-{id}", email = "load-{id}@example.com", password = "p-{id}" } }
capture = { token = "user.token", slug = "article.slug" }
[[requests]]
name = "read feed"
weight = 8
method = "GET"
path = "/api/articles?limit=20"
[[requests]]
name = "write comment"
weight = 1
method = "POST"
path = "/api/articles/{slug}/comments"
headers = { authorization = "Token {token}" }
json = { comment = { body = "hello {id}" } }
ledger = true
"""


def planned(text: str = REFERENCE, **overrides: Any) -> LoadPlan:
    table = LoadTable.model_validate(tomllib.loads(text))
    return plan_load(table, run_id="1f3a9c2e", **overrides)


def test_the_reference_table_becomes_a_plan() -> None:
    plan = planned()
    assert (plan.rate, plan.duration_seconds, plan.ramp_seconds) == (50, 30.0, 5.0)
    assert [(request.name, request.weight) for request in plan.requests] == [
        ("read feed", 8),
        ("write comment", 1),
    ]
    assert [request.ledger for request in plan.requests] == [False, True]
    assert plan.keeps_ledger
    assert plan.source == TableSource(("comments",), "body", "contains")
    assert plan.setup[0].capture == (("token", "user.token"), ("slug", "article.slug"))
    assert plan.notes == ()


@pytest.mark.parametrize("table", [None, LoadTable.model_validate({"rate": 3})])
def test_without_requests_it_asks_for_the_root_and_says_so(table: LoadTable | None) -> None:
    plan = plan_load(table, run_id="1f3a9c2e")
    assert [request.name for request in plan.requests] == ["GET /"]
    assert any("GET /" in note for note in plan.notes)


def test_overrides_win_and_a_short_duration_shortens_the_ramp() -> None:
    plan = planned(rate=7.0, duration_seconds=2.0, seed=9)
    assert (plan.rate, plan.duration_seconds, plan.ramp_seconds, plan.seed) == (7.0, 2.0, 2.0, 9)


@pytest.mark.parametrize("override", [{"rate": 0.0}, {"rate": -1.0}, {"duration_seconds": 0.0}])
def test_overrides_out_of_range_are_refused(override: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="above 0"):
        planned(**override)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("{slug}", "{slugg}", r"\[\[load.requests\]\] path: .*did you mean \{slug\}"),
        ("Token {token}", "Token {tokn}", r"headers\]\] authorization: .*\{token\}"),
        ("hello {id}", "hello {idd}", r"\[\[load.requests\]\] json: .*did you mean \{id\}"),
        ("hello {id}", "hello", r"\[\[load.requests\]\] ledger: \{id\} is not in"),
        ("load-{id}@", "load-{token}@", r"\[\[load.setup\]\] json: unknown name \{token\}"),
        ("token = ", "id = ", r'setup.capture\]\] id: "id" has a value already'),
        ("token = ", '"to-ken" = ', r'setup.capture\]\] to-ken: "to-ken" is not a name'),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(old: str, new: str, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        planned(REFERENCE.replace(old, new))


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"ramp": "20s", "duration": "10s"}, "cannot be longer"),
        ({"rate": 0}, "greater than 0"),
        ({"requests": [{"path": "no/slash"}]}, "pattern"),
        ({"requests": [{"path": "/", "json": {}}]}, "a GET request has no body"),
        ({"requests": [{"path": "/", "method": "POST", "json": 1, "form": {}}]}, "exclude"),
        ({"requests": [{"path": "/", "upload": {"size": "1MB"}}]}, "POST, PUT or PATCH"),
        (
            {
                "requests": [
                    {"path": "/", "method": "POST", "form": {"a": "b"}, "upload": {"size": "1kB"}}
                ]
            },
            "upload.field",
        ),
        ({"ledger": {"table": "t"}}, "go together"),
        ({"ledger": {"table": "t", "column": "c", "sql": "select 1"}}, "exactly one"),
        ({"ledger": {}}, "exactly one"),
        ({"requests": [{"path": "/", "expect": 42}]}, "greater than or equal to 100"),
    ],
)
def test_shapes_that_make_no_sense_are_refused(table: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        LoadTable.model_validate(table)


def test_the_three_places_of_a_ledger() -> None:
    def source_of(ledger: dict[str, Any]) -> object:
        return plan_load(LoadTable.model_validate({"ledger": ledger}), run_id="1f3a9c2e").source

    by_table = source_of({"table": "blog.posts", "column": "id", "match": "exact"})
    assert by_table == TableSource(("blog", "posts"), "id", "exact")
    assert source_of({"sql": "select a"}) == SqlSource("select a", "contains")
    endpoint = source_of({"endpoint": "/ids?run={run}", "headers": {"x": "y"}})
    assert isinstance(endpoint, EndpointSource)
    assert endpoint.headers == (("x", "y"),)


def test_a_single_expected_status_need_not_be_a_list() -> None:
    table = LoadTable.model_validate({"requests": [{"path": "/", "expect": 404}]})
    request = plan_load(table, run_id="1f3a9c2e").requests[0]
    assert request.succeeded(404)
    assert not request.succeeded(200)


def test_headers_of_the_table_reach_every_request_and_its_own_win() -> None:
    text = 'headers = { a = "1", b = "2" }\n' + REFERENCE.replace("authorization", "b")
    headers = dict(planned(text).requests[1].headers)
    assert headers["a"].render({}, lambda options: options[0]) == "1"
    assert headers["b"].names == {"token"}


def test_with_the_file_at_hand_an_error_has_its_line(tmp_path: Path) -> None:
    text = "[load]" + REFERENCE.replace("[ledger]", "[load.ledger]").replace("[[", "[[load.")
    path = tmp_path / "tenfold.toml"
    path.write_text(text.replace("hello {id}", "hello {idd}"))
    table = load_table_from(path)
    with pytest.raises(SpecError, match=r"^tenfold.toml:26: \[\[load.requests\]\] json: unknown"):
        plan_load(table, run_id="1f3a9c2e", path=path)
