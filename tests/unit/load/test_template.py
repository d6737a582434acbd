import pytest

from tenfold.load.template import (
    BUILT_IN_NAMES,
    TemplateError,
    names_in,
    parse,
    parse_json,
    render_json,
)

KNOWN = BUILT_IN_NAMES | {"token", "slug"}
VALUES = {"id": "aa", "n": 7, "run": "rr", "token": "t k", "slug": 12}


def first(options: tuple[str, ...]) -> str:
    return options[0]


def last(options: tuple[str, ...]) -> str:
    return options[-1]


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{id}", "aa"),
        ("hello {id}, number {n} of {run}", "hello aa, number 7 of rr"),
        ("{choice:red|green|}", "red"),
        ("{{id}} and }}{{", "{id} and }{"),
        ("{{{id}}}", "{aa}"),
        ("/a/{slug}?x={token}", "/a/12?x=t k"),
    ],
)
def test_rendering_fills_names_and_leaves_doubled_braces(text: str, rendered: str) -> None:
    assert parse(text, KNOWN).render(VALUES, first) == rendered


def test_a_choice_may_be_any_of_its_options() -> None:
    assert parse("{choice:red|green}", KNOWN).render(VALUES, last) == "green"


def test_only_what_was_filled_in_is_quoted() -> None:
    template = parse("/a b/{token}", KNOWN)
    assert template.render(VALUES, first, lambda text: text.upper()) == "/a b/T K"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{tokn}", r"unknown name \{tokn\}; did you mean \{token\}\?"),
        ("{completely-else}", r"known here: id, n, run, slug, token; a brace meant as a brace"),
        ("{}", "unknown name"),
        ("{chioce:a|b}", r"did you mean \{choice:a\|b\}"),
        ("{choice:alone}", "offers no choice"),
        ("an { open", "unmatched '{'"),
        ("a closed }", "unmatched '}'"),
        ("{id", "unmatched '{'"),
    ],
)
def test_what_is_wrong_is_said(text: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        parse(text, KNOWN)


def test_json_keeps_its_structure_and_the_type_of_a_lone_name() -> None:
    source = {"a": ["{slug}", "no {slug}", 3, None, True], "{id}": {"b": "{n}"}}
    template = parse_json(source, KNOWN)
    assert render_json(template, VALUES, first) == {
        "a": [12, "no 12", 3, None, True],
        "{id}": {"b": 7},
    }
    assert names_in(template) == {"slug", "n"}


def test_json_templates_are_checked_however_deep() -> None:
    with pytest.raises(TemplateError, match="did you mean"):
        parse_json({"a": [{"b": "{slugg}"}]}, KNOWN)
