"""Looking: what cannot be looked at is said, and nothing is made or started."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tenfold.doctor.diagnose import diagnose
from tenfold.doctor.look import app, look, machine, project
from tenfold.doctor.model import Diagnosis, Unseen
from tenfold.errors import UsageError
from tenfold.spec.read import parse
from tenfold.state.layout import Layout

TOML = 'name = "shop"\napp = "shop:app"\n'


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "tenfold.toml").write_text(TOML)
    (tmp_path / "shop.py").write_text("app = object()\n")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=a", "-c", "user.email=a@b.example")
    subprocess.run(["git", *own, *arguments], cwd=folder, check=True, capture_output=True)


def found(root: Path) -> Diagnosis:
    return diagnose(look(root))


def test_files_that_cannot_be_read_are_named(shop: Path) -> None:
    (shop / "broken.py").write_text("def (:\n")
    (shop / "latin.py").write_bytes(b"x = '\xe9'\n")
    (shop / "large.py").write_text("x = 1\n" * 200_000)
    unseen: list[Unseen] = []
    facts = app.look(Layout(shop), None, unseen)
    assert [m.name for m in facts.modules] == ["shop"]
    (one,) = unseen
    assert {"broken.py", "latin.py", "large.py"} == set(one.what.split(", "))


def test_so_many_files_and_no_more(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (shop / f"m{number}.py").write_text("x = 1\n")
    monkeypatch.setattr(app, "MAX_FILES", 4)
    unseen: list[Unseen] = []
    assert len(app.look(Layout(shop), None, unseen).modules) == 4
    assert [u.what for u in unseen] == ["2 of 6 Python files"]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        look(tmp_path / "nowhere")


def test_nothing_is_made(shop: Path) -> None:
    before = sorted(shop.rglob("*"))
    assert found(shop).state == "stopped"
    assert sorted(shop.rglob("*")) == before


def test_the_app_s_module_is_missed_where_nothing_makes_it(shop: Path) -> None:
    assert found(shop).of("project.entry") == ()
    (shop / "shop.py").rename(shop / "other.py")
    assert found(shop).of("project.entry")[0].what == "there is no module shop"
    (shop / "tenfold.toml").write_text(TOML + '[release]\nbuild = "make"\n')
    assert found(shop).of("project.entry") == ()


def test_variables_that_nobody_sets(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "tenfold.toml").write_text(TOML + '[env]\nA = "${SHOP_A}"\nB = "${SHOP_B}$$x"\n')
    monkeypatch.setenv("SHOP_B", "set")
    monkeypatch.delenv("SHOP_A", raising=False)
    (one,) = found(shop).of("project.variables")
    assert one.evidence == ("${SHOP_A}",)


def test_secrets_that_git_keeps(shop: Path) -> None:
    git(shop, "init", "-q")
    for name in (".env", ".env.example", ".env.production", "keys/site.pem", "tests/a.pem"):
        (shop / name).parent.mkdir(exist_ok=True)
        (shop / name).write_text("-----BEGIN PRIVATE KEY-----\n" if "pem" in name else "A=1\n")
    (shop / "certificate.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    assert found(shop).of("project.tracked-secrets") == ()
    git(shop, "add", ".")
    (one,) = found(shop).of("project.tracked-secrets")
    assert one.evidence == (".env", ".env.production", "keys/site.pem")


def test_a_dotenv_counts_where_it_is_released(shop: Path) -> None:
    git(shop, "init", "-q")
    (shop / ".env").write_text("export SECRET_KEY='abc def'\nDEBUG=1\n\nEMPTY=\n")
    given = app.look(Layout(shop), None, []).given
    assert (given["SECRET_KEY"], given["DEBUG"], given["EMPTY"]) == ("abc def", "1", "")
    (shop / ".gitignore").write_text(".env\n")
    assert set(app.look(Layout(shop), None, []).given) == {"DATABASE_URL", "REDIS_URL"}


def test_passwords_that_others_can_read(shop: Path) -> None:
    layout = Layout(shop)
    layout.state.mkdir()
    layout.secrets.write_text("{}")
    layout.secrets.chmod(0o644)
    assert project.look(layout, [])[1].secrets_open == ".tenfold/secrets.json"
    layout.secrets.chmod(0o600)
    assert project.look(layout, [])[1].secrets_open is None


def test_a_port_that_somebody_else_has(shop: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (shop / "tenfold.toml").write_text(f"{TOML}[edge]\nport = {port}\n")
        (one,) = found(shop).of("machine.port")
        assert str(port) in one.what
    assert found(shop).of("machine.port") == ()


def test_an_address_that_this_machine_does_not_have(shop: Path) -> None:
    (shop / "tenfold.toml").write_text(f'{TOML}[edge]\naddress = "198.51.100.7"\n')
    (one,) = found(shop).of("machine.port")
    assert "198.51.100.7" in one.what


def test_postgresql_that_is_not_there_is_said_once(shop: Path) -> None:
    (shop / "tenfold.toml").write_text(f'{TOML}[database]\npostgres = "{shop}/bin"\n')
    seen = found(shop)
    assert len(seen.of("machine.engines")) == 1
    assert "app.extension-missing" not in seen.passed


def test_the_machine_tells_what_it_can(shop: Path) -> None:
    facts = machine.look(Layout(shop), None, runs=True, port=None, now=0.0)
    assert facts.memory_bytes > facts.memory_free_bytes > 0
    assert facts.disk_bytes > facts.disk_free_bytes > 0
    assert facts.open_files > 0
    assert facts.engines == ()
    if os.uname().sysname == "Linux":
        assert facts.accept_queue is not None
        assert facts.clock in (True, False)


def test_workers_of_the_app(shop: Path) -> None:
    spec = parse(TOML + "[server]\nworkers = 1\n")
    assert app.look(Layout(shop), spec, []).workers == 1
    assert app.look(Layout(shop), parse(TOML + "[server]\nworkers = 7\n"), []).workers == 7


def test_public_is_whatever_is_not_this_machine_alone(shop: Path) -> None:
    for address, public in (("127.0.0.1", False), ("0.0.0.0", True), ("::1", False)):
        spec = parse(f'{TOML}[edge]\naddress = "{address}"\n')
        assert app.look(Layout(shop), spec, []).public is public


def test_another_environment_is_looked_at_as_the_file_has_it(shop: Path) -> None:
    staging = '[environments.staging.edge]\naddress = "198.51.100.7"\nport = 8001\n'
    (shop / "tenfold.toml").write_text(f"{TOML}\n{staging}")
    assert not look(shop).app.public
    assert look(shop, environment="staging").app.public


def test_a_folder_that_is_too_large_is_said(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "WITHIN_SECONDS", -1.0)
    unseen: list[Unseen] = []
    assert app.look(Layout(shop), None, unseen).modules == ()
    assert [u.what for u in unseen] == ["the rest of the folder"]


def test_extensions_of_your_own_database_are_not_known(shop: Path) -> None:
    (shop / "tenfold.toml").write_text(f'{TOML}[database]\nurl = "${{DATABASE_URL}}"\n')
    seen = found(shop)
    assert "app.extension-missing" not in seen.passed
    assert "extensions" in {u.what for u in seen.unseen}
