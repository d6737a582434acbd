"""Secrets of a running app: from every origin into its environment, and nowhere else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.support import apps
from tests.support.project import Project
from tests.support.vaults import Vaults

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

Bring = Callable[[Callable[[Path], Project]], Project]
CANARY = "canary-7f3a91c2-never-seen"
READ = "import os; print(os.environ.get('{}'))"


def value(project: Project, name: str) -> str:
    """What the app's own workers would read."""
    return project.ok("run", "python", "-c", READ.format(name)).rstrip("\n")


def fed(project: Project, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command with something on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "tenfold", *arguments],
        cwd=project.path,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def typed(project: Project, text: str, *arguments: str) -> str:
    """A command at a terminal, where somebody types; gives all that the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(project.path)
        os.execv(sys.executable, [sys.executable, "-m", "tenfold", *arguments])
    shown = b""
    while b":" not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, text.encode() + b"\n")
    try:
        while more := os.read(terminal, 1024):
            shown += more
    except OSError:  # the terminal is gone with its last process
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown
    return shown.decode()


class Watch:
    """Looks at the arguments of every process of the machine, all the time."""

    def __init__(self, canary: str) -> None:
        self.found: list[list[str]] = []
        self.rounds = 0
        self._canary = canary
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.rounds += 1
            for process in psutil.process_iter():
                try:
                    line = process.cmdline()
                except psutil.Error:
                    continue
                if any(self._canary in part for part in line):
                    self.found.append(line)


@pytest.fixture
def vaults(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Vaults:
    found = Vaults(workplace / "bin")
    monkeypatch.setenv("PATH", f"{found.folder}:{os.environ['PATH']}")
    monkeypatch.setenv("VAULT_ADDR", "https://127.0.0.1:8200")
    return found


def test_every_origin_reaches_the_app_and_the_list_shows_none(bring: Bring) -> None:
    project = bring(apps.notes)
    toml = (project.path / "tenfold.toml").read_text()
    project.write(
        "tenfold.toml",
        toml + '\n[env]\nPIPED = "from the file"\nJOINED = "key=${PIPED}"\n',
    )
    assert fed(project, f"{CANARY}-1\n", "secrets", "set", "PIPED").returncode == 0
    assert CANARY not in typed(project, f"{CANARY}-2", "secrets", "set", "TYPED")
    done = project.tenfold(
        "secrets", "set", "TAKEN", "--from-env", "CI_KEY", env={"CI_KEY": f"{CANARY}-3"}
    )
    assert done.returncode == 0, done.stderr
    (project.path / "key.pem").write_text("-----BEGIN-----\nabc\n-----END-----\n")
    project.ok("secrets", "set", "KEY", "--from-file", "key.pem")
    (project.path / ".env").write_text(
        f"export IMPORTED='{CANARY}-4'\nDATABASE_URL=postgresql://localhost/dev\nEMPTY=\n"
    )
    said = project.ok("secrets", "import", ".env")
    assert "left out DATABASE_URL" in said

    project.up()
    assert value(project, "PIPED") == f"{CANARY}-1"
    assert value(project, "JOINED") == f"key={CANARY}-1"
    assert value(project, "TYPED") == f"{CANARY}-2"
    assert value(project, "TAKEN") == f"{CANARY}-3"
    assert value(project, "KEY") == "-----BEGIN-----\nabc\n-----END-----"
    assert value(project, "IMPORTED") == f"{CANARY}-4"
    assert {"PIPED", "TYPED"} <= set(project.get("/environment").json()["names"])

    listed = project.ok("secrets", "list")
    assert CANARY not in listed
    assert "standard input" in listed
    assert "variable CI_KEY" in listed
    told = json.loads(project.ok("secrets", "list", "--json"))["secrets"]
    assert {one["name"] for one in told} == {"PIPED", "TYPED", "TAKEN", "KEY", "IMPORTED"}
    assert all(one["in_use"] for one in told)


def test_a_change_is_planned_told_and_made_by_a_deploy(bring: Bring) -> None:
    project = bring(apps.notes)
    fed(project, "one", "secrets", "set", "KEY")
    project.up()
    assert project.tenfold("plan").returncode == 0
    done = fed(project, "two", "secrets", "set", "KEY")
    assert "replaced KEY" in done.stdout
    assert "tenfold deploy" in done.stdout
    assert "unchanged KEY" in fed(project, "two", "secrets", "set", "KEY").stdout
    fed(project, "three", "secrets", "set", "MORE")
    assert "not yet in use" in project.ok("secrets", "list")

    planned = project.tenfold("plan")
    assert planned.returncode == 2
    assert "secret KEY has another value" in planned.stdout
    assert "secret MORE is new" in planned.stdout
    assert "two" not in planned.stdout
    project.ok("deploy")
    assert project.tenfold("plan").returncode == 0
    assert "not yet in use" not in project.ok("secrets", "list")
    assert value(project, "KEY") == "two"

    project.ok("secrets", "unset", "KEY")
    assert "KEY is unset" in project.ok("secrets", "list")
    assert "secret KEY is gone" in project.tenfold("plan").stdout
    project.ok("deploy")
    assert "KEY" not in project.get("/environment").json()["names"]
    assert project.tenfold("secrets", "unset", "KEY").returncode == 1


def test_references_are_fetched_anew_by_deploy_and_up(bring: Bring, vaults: Vaults) -> None:
    project = bring(apps.notes)
    vaults.one_password("op://shop/stripe/key", "op-one")
    vaults.vault("secret", "shop/db", "passcode", "vault-one")
    vaults.aws("prod/shop", '{"token": "aws-one"}')
    for name, reference in (
        ("STRIPE", "op://shop/stripe/key"),
        ("DB", "vault://secret/shop/db#passcode"),
        ("SHOP", "aws-secret://prod/shop#token"),
    ):
        project.ok("secrets", "set", name, "--ref", reference)
    project.up()
    seen = [value(project, name) for name in ("STRIPE", "DB", "SHOP")]
    assert seen == ["op-one", "vault-one", "aws-one"]
    assert "op://shop/stripe/key" in project.ok("secrets", "list")

    vaults.one_password("op://shop/stripe/key", "op-two")
    calls = len(vaults.calls("op"))
    assert value(project, "STRIPE") == "op-one", "only up and deploy ask"
    assert len(vaults.calls("op")) == calls
    assert "secret STRIPE has another value" in project.ok("deploy")
    assert value(project, "STRIPE") == "op-two"

    (vaults.folder / "vault_secret_shop_db_passcode").unlink()
    before = project.status()
    refused = project.tenfold("deploy")
    assert refused.returncode == 1
    assert "DB: vault://secret/shop/db#passcode cannot be had" in refused.stderr
    assert "No value found at secret/data/shop/db" in refused.stderr
    assert "vault-one" not in refused.stderr + refused.stdout
    assert project.status()["release"] == before["release"]
    project.ok("down")
    assert project.tenfold("up", "-d").returncode == 1
    project.ok("up", "-d", "--last")
    assert value(project, "DB") == "vault-one"
    unknown = project.tenfold("secrets", "set", "X", "--ref", "op://shop/none/key")
    assert unknown.returncode == 1
    assert "item not found" in unknown.stderr
    assert "X" not in json.loads(project.ok("secrets", "list", "--json"))["secrets"]


def test_a_value_is_in_no_argument_error_log_or_file_but_its_own(bring: Bring) -> None:
    project = bring(apps.diary)
    with Watch(CANARY) as watch:
        on_the_line = project.tenfold("secrets", "set", "KEY", "something-else")
        assert on_the_line.returncode == 2
        assert "something-else" not in on_the_line.stderr + on_the_line.stdout
        said = [fed(project, CANARY, "secrets", "set", "KEY").stdout]
        said.append(project.up())
        good = (project.path / "migrate.py").read_text()
        printing = "import os\nprint('it is', os.environ['KEY'])\n"
        project.write(
            "migrate.py", printing + "raise SystemExit('stopped by ' + os.environ['KEY'])\n"
        )
        failed = project.tenfold("deploy", "--json")
        assert failed.returncode == 1
        assert "stopped by ********" in failed.stdout
        said += [failed.stdout, failed.stderr]
        project.write("migrate.py", good)

        toml = (project.path / "tenfold.toml").read_text()
        build = '[release]\nbuild = "env; echo $KEY; exit 3"\n'
        project.write("tenfold.toml", toml.replace("[release]\n", build))
        failed = project.tenfold("deploy")
        assert failed.returncode == 1
        assert "KEY=********" in failed.stderr
        said += [failed.stdout, failed.stderr]
        project.write("tenfold.toml", toml)

        app = (project.path / "notes.py").read_text()
        project.write("notes.py", app + "\nimport os\nraise RuntimeError(os.environ['KEY'])\n")
        failed = project.tenfold("deploy")
        assert failed.returncode == 1
        said += [failed.stdout, failed.stderr]
        project.write("notes.py", app)
        commands = ("status", "plan", "secrets list", "secrets list --json", "lock", "report")
        said += [project.tenfold(*command.split()).stdout for command in commands]
        said.append(project.ok("grow", "--to", "100", timeout=200))
        assert value(project, "KEY") == CANARY
    assert watch.rounds > 20
    assert watch.found == []
    assert [text for text in said if CANARY in text] == []
    assert holders(project) == {"app-secrets.json"}


def holders(project: Project) -> set[str]:
    """Files of the deployment that hold the canary, but what the agent keeps to start workers
    again, and the log of an app that printed it itself."""
    state = project.path / ".tenfold"
    found = set()
    for path in state.rglob("*"):
        name = str(path.relative_to(state))
        own = "/agent/" in name or "/logs/app" in name or "/data/" in name
        plain = path.is_file() and not path.is_symlink() and not name.startswith("envs/")
        if plain and not own and CANARY.encode() in path.read_bytes():
            found.add(name)
    return found


def test_two_at_once_lose_nothing_and_a_command_at_work_is_waited_for_by_nobody(
    bring: Bring,
) -> None:
    project = bring(apps.notes)
    fed(project, "x", "secrets", "set", "FIRST")
    deadline = time.monotonic() + 60
    waiting = {f"KEY{n}" for n in range(6)}
    while waiting and time.monotonic() < deadline:
        started = {
            name: subprocess.Popen(
                [sys.executable, "-m", "tenfold", "secrets", "set", name],
                cwd=project.path,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name in waiting
        }
        for process in started.values():
            process.communicate(b"value", timeout=60)
        waiting -= {name for name, process in started.items() if process.returncode == 0}
    told = json.loads(project.ok("secrets", "list", "--json"))["secrets"]
    assert {one["name"] for one in told} == {"FIRST", *(f"KEY{n}" for n in range(6))}
