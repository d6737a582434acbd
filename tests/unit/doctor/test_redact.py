from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest

from tenfold.doctor.bundle.collect import whole_lines, without_env
from tenfold.doctor.bundle.redact import Redactor, likely

CANARY = 'ca/nary+7 q"é'
NONE = Redactor(())


@pytest.mark.parametrize(
    "spelled",
    [
        CANARY,
        quote(CANARY, safe=""),
        json.dumps({"x": CANARY}),
        repr({"x": CANARY}),
        base64.b64encode(CANARY.encode()).decode(),
        f"postgres://app:{quote(CANARY, safe='')}@db/shop",
    ],
)
def test_a_known_secret_is_found_however_it_is_spelled(spelled: str) -> None:
    redactor = Redactor([CANARY])
    text = redactor.text(f"it said {spelled} and went on")
    assert "nary" not in text
    assert text.startswith("it said ")
    assert text.endswith(" and went on")
    assert not redactor.has_known(text)
    assert redactor.has_known(f"it said {spelled}") or "://" in spelled


def test_the_password_of_a_known_url_is_known() -> None:
    redactor = Redactor(["postgres://shop:s3cr%40et@db.example/shop"])
    assert "s3cr" not in redactor.text("login with s3cr@et or s3cr%40et failed")


@pytest.mark.parametrize(
    "text",
    [
        "redis://:canary@cache:6379/0",
        "postgresql+asyncpg://app:canary@10.0.0.1:5432/shop?sslmode=require",
        "postgres://app:can/canary@db/x",
        "password=canary host=db",
        "PGPASSWORD='canary'",
        'db_password: "canary with spaces"',
        '{"api_key": "canary"}',
        "{'client_secret': 'canary'}",
        "SECRET_KEY = 'canary-3'",
        "Authorization: Bearer canary-12345678",
        "authorization: Basic canary12345678",
        "Cookie: sessionid=canary",
        "Set-Cookie: csrftoken=canary; Path=/",
        "Cookie: a=1; theme=canary; b=canary",
        'Authorization: Digest username="jo", response="canary"',
        "https://ghp-canary@github.example/x.git",
        "password=on-canary",
        'a line that was cut off password="canary and so on',
        "GET /reset?token=canary HTTP/1.1",
        "GET /search?q=x&page=canary",
        "SCRAM-SHA-256$4096:canary$canary:canary",
        "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ncanary and the log ends",
        "jo.canary@example.org wrote",
        "aws_secret_access_key=canary",
        "eyJhbGciOiJIUzI1NiJ9.canary.canary",
        "sk_live_canary",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    assert "canary" not in NONE.text(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("203.0.113.9 said", "ADDRESS said"),
        ("2001:db8::17 said", "ADDRESS said"),
        ("127.3.2.1:5432 and 10.0.0.7", "127.3.2.1:5432 and 10.0.0.7"),
        ("PostgreSQL 18.6 at 12:30:59.123", "PostgreSQL 18.6 at 12:30:59.123"),
        ("http://127.0.0.1:8000/static/app.css", "http://127.0.0.1:8000/static/app.css"),
        ("password_encryption = 'scram-sha-256'", "password_encryption = 'scram-sha-256'"),
        ('File "shop/views.py", line 41, in home', 'File "shop/views.py", line 41, in home'),
        ("worker 1 is warm", "worker 1 is warm"),
    ],
)
def test_what_helps_stays(text: str, told: str) -> None:
    assert NONE.text(text) == told


@pytest.mark.parametrize(
    "piece",
    ["a://b:", "token", 'password="', "x" * 50, "eyJ-", "a@", "?a", "Cookie", "1:", "-----BEGIN "],
)
def test_a_hostile_log_is_masked_in_time(piece: str) -> None:
    began = time.process_time()
    NONE.text(piece * (300_000 // len(piece)))
    assert time.process_time() - began < 5


def test_a_text_is_cut_between_lines() -> None:
    text = b"first secret\nsecond secret\nthird secret\n"
    assert whole_lines(text, 30) == "first secret\nsecond secret\n"
    assert whole_lines(text, 30, last=True) == "second secret\nthird secret\n"
    assert whole_lines(text, 100) == text.decode()
    assert whole_lines(b"x" * 50, 30).strip() == ""


def test_ordinary_values_of_a_weak_secret_do_no_harm() -> None:
    redactor = Redactor(["8000", "abc", "postgres"])
    assert redactor.text("port 8000 abc") == "port 8000 abc"
    data = redactor.data({"vm1/postgres": {"engine": "postgres"}})
    assert not redactor.has_known(json.dumps(data))


def test_data_is_masked_by_its_names_too() -> None:
    data = {"password": "canary", "steps": [{"url": "a://b:canary@c", "n": 1}], "ok": True}
    assert "canary" not in json.dumps(NONE.data(data))
    assert NONE.data(data)["ok"] is True


def test_likely_secrets_of_an_environment() -> None:
    environment = {"API_TOKEN": "a", "HOME": "/home/u", "CACHE": "redis://:b@c", "DSN": "d"}
    assert {"a", "b", "d"} <= {*likely(environment)}
    assert "/home/u" not in {*likely(environment)}


@pytest.mark.parametrize(
    "table",
    [
        '[env]\nA = "canary"\n',
        "[ env ]\n\"A\" = 'canary'\n",
        '["env"]\nA = "x"  # canary\n# canary\n',
        '[env]\nA = """\ncanary\nb = canary\n"""\nB = "canary"\n',
        'env = { A = "canary" }\n',
        'env.A = "canary"\n',
        '[environments.staging.env]\nA = "canary"\n',
        'environments.staging.env = { A = "canary" }\n',
        '[environments.staging]\nenv.A = "canary"\n',
        "[env]\nA = '''canary'''\nB = 'canary'\n",
    ],
)
def test_no_value_of_env_is_left_in_the_file(table: str) -> None:
    text = without_env(f'name = "shop"\n{table}\n[edge]\nport = 8000\n')
    assert "canary" not in text
    assert 'name = "shop"' in text
    assert "port = 8000" in text
