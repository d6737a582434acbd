"""References give exactly the documented arguments, and read exactly the documented output."""

from __future__ import annotations

import json

import pytest

from tenfold.errors import UsageError
from tenfold.vaults.references import NoValue, parse


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        (
            "op://app-prod/db/password",
            ["op", "read", "--no-newline", "op://app-prod/db/password"],
        ),
        (
            "op://My Vault/db/admin/one-time password?attribute=otp",
            [
                *("op", "read", "--no-newline"),
                "op://My Vault/db/admin/one-time password?attribute=otp",
            ],
        ),
        (
            "vault://secret/shop/db#passcode",
            ["vault", "kv", "get", "-mount=secret", "-field=passcode", "shop/db"],
        ),
        (
            "aws-secret://MyTestSecret",
            [
                *("aws", "secretsmanager", "get-secret-value"),
                *("--secret-id", "MyTestSecret", "--output", "json"),
            ],
        ),
        (
            "aws-secret://arn:aws:secretsmanager:us-west-2:123456789012:secret:My-a1b2c3#user",
            [
                *("aws", "secretsmanager", "get-secret-value", "--secret-id"),
                "arn:aws:secretsmanager:us-west-2:123456789012:secret:My-a1b2c3",
                *("--output", "json"),
            ],
        ),
    ],
)
def test_a_reference_is_a_program_with_its_arguments(text: str, argv: list[str]) -> None:
    assert list(parse(text).argv) == argv


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "op://vault/item",
        "op://vault//field",
        "op://a/b/c/d/e",
        "vault://secret#x",
        "vault://secret/db",
        "vault://secret/-format=json#x",
        "vault://secret/a b#x",
        "aws-secret://",
        "aws-secret://--profile",
        "op://a/b/c\nd",
        "op://a/b/" + "c" * 500,
        "https://example.org/x",
    ],
)
def test_what_is_none_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert "op://VAULT/ITEM/FIELD" in (refused.value.next or "")


def test_op_and_vault_print_the_value_alone() -> None:
    for text in ("op://a/b/c", "vault://secret/db#x"):
        assert parse(text).value(" hunter2 \n") == " hunter2 \n"


ANSWER = {
    "ARN": "arn:aws:secretsmanager:us-west-2:123456789012:secret:MyTestSecret-a1b2c3",
    "Name": "MyTestSecret",
    "VersionId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
    "SecretString": '{"user":"diegor","password":"EXAMPLE-PASSWORD","port":5432}',
    "VersionStages": ["AWSCURRENT"],
    "CreatedDate": 1523477145.713,
}


def test_aws_answers_with_an_object() -> None:
    printed = json.dumps(ANSWER, indent=4)
    assert parse("aws-secret://x").value(printed) == ANSWER["SecretString"]
    assert parse("aws-secret://x#password").value(printed) == "EXAMPLE-PASSWORD"
    assert parse("aws-secret://x#port").value(printed) == "5432"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("aws-secret://x", "hunter2"),
        ("aws-secret://x", '["hunter2"]'),
        ("aws-secret://x", json.dumps({"SecretBinary": "hunter2"})),
        ("aws-secret://x#key", json.dumps({"SecretString": "hunter2"})),
        ("aws-secret://x#key", json.dumps({"SecretString": '{"other": "hunter2"}'})),
        ("aws-secret://x#key", json.dumps({"SecretString": '{"key": {"hunter2": 1}}'})),
    ],
)
def test_an_answer_without_the_value_is_told_without_quoting_it(text: str, printed: str) -> None:
    with pytest.raises(NoValue) as missing:
        parse(text).value(printed)
    assert "hunter2" not in str(missing.value)
    assert missing.value.__cause__ is None
