"""References of ``tenfold secrets``, with the real programs and servers that have the values."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support import apps
from tests.support.project import Project
from tests.support.vault_servers import Store, arn, created, open_bao, secrets_manager

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Callable[[Path], Project]], Project]
CANARY = "canary-51b0-never-seen"
READ = "import os; print(os.environ.get('{}'))"


def value(project: Project, name: str) -> str:
    """What the app's own workers would read."""
    return project.ok("run", "python", "-c", READ.format(name)).rstrip("\n")


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A Secrets Manager, and ``aws`` on the PATH of whoever calls tenfold."""
    with secrets_manager(tmp_path / "aws") as store:
        with_it(store, monkeypatch)
        yield store


@pytest.fixture
def bao(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """OpenBao, and ``bao`` on the PATH of whoever calls tenfold."""
    with open_bao(tmp_path / "bao") as store:
        with_it(store, monkeypatch)
        yield store


def with_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{store.folder}:{os.environ['PATH']}")
    for name, text in store.environ.items():
        monkeypatch.setenv(name, text)


def refused(project: Project, *arguments: str) -> str:
    """What a command says that does not succeed; it shows no value."""
    done = project.tenfold(*arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert CANARY not in done.stdout + done.stderr
    return " ".join(done.stderr.split())


def test_secrets_of_aws(bring: Bring, aws: Store) -> None:
    project = bring(apps.notes)
    lines = f"{CANARY} § one\nand a line more"
    created(aws, "prod/shop/plain", lines)
    created(aws, "prod/shop/json", json.dumps({"token": f"{CANARY}-json", "port": 5432}))
    for name, reference in (
        ("PLAIN", "aws-secret://prod/shop/plain"),
        ("BY_ARN", f"aws-secret://{arn(aws, 'prod/shop/plain')}"),
        ("TOKEN", "aws-secret://prod/shop/json#token"),
        ("PORT", "aws-secret://prod/shop/json#port"),
    ):
        assert CANARY not in project.ok("secrets", "set", name, "--ref", reference)
    project.up()
    assert value(project, "PLAIN") == value(project, "BY_ARN") == lines
    assert value(project, "TOKEN") == f"{CANARY}-json"
    assert value(project, "PORT") == "5432"
    assert CANARY not in project.ok("secrets", "list")

    put = ("secretsmanager", "put-secret-value", "--secret-id", "prod/shop/plain")
    aws.ask(*put, "--secret-string", f"{CANARY} two")
    assert value(project, "PLAIN") == lines, "only up and deploy ask"
    assert "secrets BY_ARN, PLAIN have other values" in project.ok("deploy")
    assert value(project, "PLAIN") == f"{CANARY} two"


def test_what_aws_does_not_give_is_told_and_nothing_is_changed(bring: Bring, aws: Store) -> None:
    project = bring(apps.notes)
    created(aws, "text", CANARY)
    binary = ("--name", "binary", "--secret-binary", "AAECAw==")
    aws.ask("secretsmanager", "create-secret", *binary)
    for reference, why in (
        ("aws-secret://none", "ResourceNotFoundException"),
        ("aws-secret://binary", "holds no text (SecretString)"),
        ("aws-secret://text#key", "the secret is no JSON"),
    ):
        assert why in refused(project, "secrets", "set", "X", "--ref", reference)
    project.ok("secrets", "set", "TEXT", "--ref", "aws-secret://text")
    project.up()
    before = project.status()["release"]
    aws.ask(
        "secretsmanager", "delete-secret", "--secret-id", "text", "--force-delete-without-recovery"
    )
    said = refused(project, "deploy")
    assert "TEXT: aws-secret://text cannot be had: aws exited" in said
    assert "ResourceNotFoundException" in said
    aws.stop()
    said = refused(project, "deploy")
    assert "Could not connect to the endpoint URL" in said
    assert project.status()["release"] == before
    assert value(project, "TEXT") == CANARY


def kept(store: Store, path: str, *fields: str, mount: str = "secret") -> None:
    """A secret of a key/value engine with these fields, each ``NAME=VALUE``."""
    store.ask("kv", "put", f"-mount={mount}", path, *fields)


def test_secrets_of_a_vault(bring: Bring, bao: Store) -> None:
    project = bring(apps.notes)
    lines = f"{CANARY} § one\nand a line more"
    kept(bao, "shop/db", f"password={lines}", "port=5432")
    bao.ask("secrets", "enable", "-path=old", "-version=1", "kv")
    kept(bao, "shop", f"key={CANARY}-old", mount="old")
    for name, reference in (
        ("PASSWORD", "vault://secret/shop/db#password"),
        ("PORT", "vault://secret/shop/db#port"),
        ("OLD", "vault://old/shop#key"),
    ):
        assert CANARY not in project.ok("secrets", "set", name, "--ref", reference)
    project.up()
    assert value(project, "PASSWORD") == lines
    assert value(project, "PORT") == "5432"
    assert value(project, "OLD") == f"{CANARY}-old"

    kept(bao, "shop/db", f"password={CANARY} two", "port=5432")
    assert value(project, "PASSWORD") == lines, "only up and deploy ask"
    assert "secret PASSWORD has another value" in project.ok("deploy")
    assert value(project, "PASSWORD") == f"{CANARY} two"


def test_what_a_vault_does_not_give_is_told_and_nothing_is_changed(
    bring: Bring, bao: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = bring(apps.notes)
    kept(bao, "shop/db", f"password={CANARY}")
    for reference, why in (
        ("vault://secret/none#password", "No value found at secret/data/none"),
        ("vault://secret/shop/db#passwort", 'Field "passwort" not present'),
        ("vault://nowhere/shop#key", "bao exited 2"),
    ):
        assert why in refused(project, "secrets", "set", "X", "--ref", reference)
    project.ok("secrets", "set", "PASSWORD", "--ref", "vault://secret/shop/db#password")
    project.up()
    before = project.status()["release"]
    with monkeypatch.context() as patch:
        patch.setenv("VAULT_TOKEN", "of-somebody-else")
        assert "permission denied" in refused(project, "deploy")
    bao.ask("kv", "delete", "-mount=secret", "shop/db")
    assert "PASSWORD: vault://secret/shop/db#password" in refused(project, "deploy")
    bao.stop()
    assert "connection refused" in refused(project, "deploy")
    assert project.status()["release"] == before
    assert value(project, "PASSWORD") == CANARY
