from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.vaults import Vaults

from tenfold.errors import Refused
from tenfold.vaults import fetch as fetching
from tenfold.vaults.fetch import fetch

ALL = {
    "A": "op://app prod/db/password",
    "B": "vault://secret/shop/db#passcode",
    "C": "aws-secret://prod/shop#key",
}


@pytest.fixture
def vaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vaults:
    found = Vaults(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{found.folder}:{os.environ['PATH']}")
    monkeypatch.setenv("VAULT_ADDR", "https://127.0.0.1:8200")
    return found


def fill(vaults: Vaults) -> None:
    vaults.one_password("op://app prod/db/password", "first § value")
    vaults.vault("secret", "shop/db", "passcode", "my-long-passcode")
    vaults.aws("prod/shop", '{"key": "third"}')


def test_values_come_from_the_programs_of_the_references(vaults: Vaults) -> None:
    fill(vaults)
    assert fetch(ALL) == {"A": "first § value", "B": "my-long-passcode", "C": "third"}
    assert vaults.calls("op") == ["read --no-newline op://app prod/db/password"]
    assert vaults.calls("vault") == ["kv get -mount=secret -field=passcode shop/db"]
    assert fetch({}) == {}


def test_openbao_is_asked_where_there_is_no_vault(
    vaults: Vaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(vaults)
    (vaults.folder / "vault").rename(vaults.folder / "bao")
    monkeypatch.setenv("PATH", f"{vaults.folder}:/usr/bin:/bin")
    assert fetch({"B": ALL["B"]}) == {"B": "my-long-passcode"}
    with pytest.raises(Refused, match="bao exited 2: No value found"):
        fetch({"B": "vault://secret/other#x"})
    (vaults.folder / "bao").unlink()
    with pytest.raises(Refused, match="there is no program vault or bao on PATH"):
        fetch({"B": ALL["B"]})


def test_every_failure_is_named_with_the_programs_words_and_no_value(vaults: Vaults) -> None:
    fill(vaults)
    (vaults.folder / "op___app_prod_db_password").unlink()
    vaults.aws("prod/shop", "hunter2")
    with pytest.raises(Refused) as refused:
        fetch({**ALL, "D": "vault://secret/other#x"})
    said = refused.value.what
    assert "A: op://app prod/db/password cannot be had: op exited 1: [ERROR]" in said
    assert "item not found" in said
    assert "D: vault://secret/other#x cannot be had: vault exited 2: No value found" in said
    assert "C: aws-secret://prod/shop#key cannot be had: the secret is no JSON" in said
    assert "hunter2" not in said
    assert "passcode" not in said.replace("#passcode", "")


def test_a_program_that_never_answers_is_ended(
    vaults: Vaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    (vaults.folder / "slow").touch()
    monkeypatch.setattr(fetching, "WITHIN_SECONDS", 0.3)
    with pytest.raises(Refused, match="op did not answer within"):
        fetch({"A": ALL["A"]})


def test_a_program_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Refused, match="no program vault or bao on PATH"):
        fetch({"B": ALL["B"]})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is careful")
def test_root_runs_no_program_that_others_may_replace(
    vaults: Vaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(vaults)
    (vaults.folder / "op").chmod(0o777)
    with pytest.raises(Refused, match="root does not run"):
        fetch({"A": ALL["A"]})
