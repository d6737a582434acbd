"""Where packages come from, and that its passwords stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.release import indexes
from tenfold.secret import Secret


def revealed(variables: dict[str, str | Secret]) -> dict[str, str]:
    return {k: v.reveal() if isinstance(v, Secret) else v for k, v in variables.items()}


def test_only_what_installers_need_is_passed_and_as_a_secret() -> None:
    environ = {
        "UV_INDEX_CORP_PASSWORD": "hush",
        "POETRY_HTTP_BASIC_CORP_PASSWORD": "hush",
        "PDM_PYPI_URL": "https://x",
        "https_proxy": "http://proxy:3128",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "PIP_TOKEN": "t0ken",
        "UV_PYTHON": "/evil/python",
        "UV_PROJECT_ENVIRONMENT": "/elsewhere",
        "DATABASE_URL": "postgresql://x",
        "AWS_SECRET_ACCESS_KEY": "no",
    }
    passed = indexes.passed(environ, ["--index-url https://u:${PIP_TOKEN}@pypi.example/simple"])
    assert set(passed) == {
        "UV_INDEX_CORP_PASSWORD", "POETRY_HTTP_BASIC_CORP_PASSWORD", "PDM_PYPI_URL", "https_proxy",
        "SSL_CERT_FILE", "PIP_TOKEN",
    }  # fmt: skip
    assert all(isinstance(value, Secret) for value in passed.values())


def test_what_pip_is_told_is_told_to_uv(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://u:p%40ss@pypi.corp/simple\n"
        "find-links =\n  /srv/a\n  /srv/b\n[install]\nextra-index-url = https://more.corp/simple\n"
    )
    told = revealed(
        indexes.as_pip_knows(
            {
                "PIP_CONFIG_FILE": str(file),
                "HOME": str(tmp_path),
                "PIP_EXTRA_INDEX_URL": "https://z",
            }
        )
    )
    assert told["UV_DEFAULT_INDEX"] == "https://u:p%40ss@pypi.corp/simple"
    assert told["UV_INDEX"] == "https://z", "the environment goes before files"
    assert told["UV_FIND_LINKS"] == "/srv/a,/srv/b"
    assert told["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_uv_s_own_settings_go_before_those_of_pip() -> None:
    environ = {"PIP_INDEX_URL": "https://pip", "UV_DEFAULT_INDEX": "https://uv"}
    assert indexes.as_pip_knows(environ) == {}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("failed to fetch https://bob:hunter2@pypi.corp/x", "failed to fetch https://********@pypi.corp/x"),
        ("password p@ss-word was refused", "password ******** was refused"),
        ("the token is s3cr3t-t0ken.", "the token is ********."),
        ("cannot reach https://pypi.corp/simple", "cannot reach https://pypi.corp/simple"),
    ],
)  # fmt: skip
def test_secrets_are_masked_and_addresses_are_not(text: str, shown: str) -> None:
    variables: dict[str, str | Secret] = {
        "UV_DEFAULT_INDEX": Secret("https://bob:p%40ss-word@pypi.corp/simple"),
        "UV_INDEX_CORP_PASSWORD": Secret("s3cr3t-t0ken"),
    }
    assert indexes.masked(text, variables) == shown
