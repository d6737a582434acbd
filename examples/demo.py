"""``make demo``: examples/conduit from two pages to three zones, under load; then one of them dies.

Works on a copy in ``.demo/conduit``, which is yours to play with afterwards.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "conduit"
PLACE = ROOT / ".demo" / "conduit"
TENFOLD = [sys.executable, "-m", "tenfold"]
LEFT_BEHIND = shutil.ignore_patterns(".tenfold", ".venv", "__pycache__", "media", ".pytest_cache")
LOAD_SECONDS, GROW_SECONDS, ZONES_SECONDS, LOAD_RATE = 20, 45, 60, 40


def main() -> int:
    if "--stop" in sys.argv:
        return stop()
    prepare()
    if not (PLACE / ".tenfold" / "journal.db").exists():
        say("Before there are users: two pages of an ordinary FastAPI app, as files")
        tenfold("up", "-d", "--stage", "1", "--port", str(port()))
    if status()["stage"] == "1":
        say("The app comes up behind them, with PostgreSQL, while people read")
        launch_under_readers()
    else:
        bring_up()
    say("Believable content")
    tenfold("run", "python", "-m", "conduit.seed")
    say(f"The next release, while {LOAD_RATE} requests a second come in")
    report = deploy_under_load()
    say("What those users noticed")
    print(report)
    if status()["stage"] == "10":
        say("The database moves to a host of its own, while they read and write")
        tenfold("plan", "--to", "100", fine=(0, 2))
        report = grow_under_load("100", GROW_SECONDS)
        say("What those users noticed")
        print(report)
    if status()["stage"] == "100":
        say("Three zones, and a database that fails over by itself, while they read and write")
        if "complete" in ways_on():
            tenfold("complete", "--yes")
        report = grow_under_load("1k", ZONES_SECONDS)
        say("What those users noticed")
        print(report)
    say("The zone with the leader dies: everything in it is killed, while they read and write")
    lose_a_zone()
    goodbye()
    return 0


def prepare() -> None:
    """A copy of the example, with the environment that make has built."""
    PLACE.mkdir(parents=True, exist_ok=True)
    shutil.copytree(EXAMPLE, PLACE, dirs_exist_ok=True, ignore=LEFT_BEHIND)
    venv = PLACE / ".venv"
    if not venv.exists():
        venv.unlink(missing_ok=True)
        venv.symlink_to(EXAMPLE / ".venv")


def bring_up() -> None:
    if status()["state"] == "running":
        print("It runs already, so its present state is deployed.\n")
        tenfold("deploy")
    else:
        tenfold("up", "-d", "--port", str(port()))


def launch_under_readers() -> None:
    """Stage 1 to stage 10; every page that is read meanwhile must be there."""
    if status()["state"] != "running":
        tenfold("up", "-d")
    url, read, failed, end = status()["url"], [0], [0], threading.Event()

    def go_on_reading() -> None:
        while not end.wait(0.02):
            for path in ("/", "/about/"):
                try:
                    with urllib.request.urlopen(f"{url}{path}", timeout=20) as answer:
                        answer.read()
                        read[0] += 1
                except OSError:
                    failed[0] += 1

    reader = threading.Thread(target=go_on_reading)
    reader.start()
    try:
        tenfold("grow", "--to", "10")
        tenfold("complete", "--yes")
    finally:
        end.set()
        reader.join()
    print(f"\n{read[0]:,} pages were read meanwhile, {failed[0]} of them failed", flush=True)
    if failed[0]:
        sys.exit("a page failed: that is a fault of Tenfold")


def deploy_under_load() -> str:
    """Change the app, deploy it in the middle of the load; the load's own words."""
    load = subprocess.Popen(
        [*TENFOLD, "load", "--rate", str(LOAD_RATE), "--duration", str(LOAD_SECONDS)],
        cwd=PLACE,
        stdout=subprocess.PIPE,
        text=True,
    )
    raise_version()
    tenfold("deploy")
    print(f"\nthe load goes on for the rest of its {LOAD_SECONDS} seconds ...", flush=True)
    said, _ = load.communicate()
    if load.returncode != 0:
        sys.exit(f"{said}\na request failed or a write was lost: that is a fault of Tenfold")
    return said


def grow_under_load(stage: str, seconds: int) -> str:
    """To the next stage in the middle of the load; the load's own words."""
    load = subprocess.Popen(
        [*TENFOLD, "load", "--rate", str(LOAD_RATE), "--duration", str(seconds)],
        cwd=PLACE,
        stdout=subprocess.PIPE,
        text=True,
    )
    tenfold("grow", "--to", stage)
    print(f"\nthe load goes on for the rest of its {seconds} seconds ...", flush=True)
    said, _ = load.communicate()
    if load.returncode != 0:
        sys.exit(f"{said}\na request failed or a write was lost: that is a fault of Tenfold")
    return said


def ways_on() -> tuple[str, ...]:
    """The commands that may come next in a move that is not complete."""
    move = status()["transition"]
    return tuple(move.get("may", ())) if isinstance(move, dict) else ()


def lose_a_zone() -> None:
    """Kill the zone of whoever leads, by a drill, which makes its own load and says what it saw."""
    found = status()
    hosts, failover = found["hosts"], found["failover"]
    assert isinstance(hosts, list)
    assert isinstance(failover, dict)
    zone = next(host["zone"] for host in hosts if host["name"] == failover["leader"])
    tenfold("status")
    # One zone is left to answer, on the same machine: its load is to fit one.
    tenfold("drill", "kill-zone", zone, "--rate", "20")


def raise_version() -> None:
    """What a developer does all day: 1.0.0 becomes 1.1.0, seen in the footer of every page."""
    file = PLACE / "conduit" / "__init__.py"
    text = file.read_text()
    found = re.search(r'__version__ = "(\d+)\.(\d+)\.', text)
    assert found, file
    old, new = f"{found[1]}.{found[2]}.", f"{found[1]}.{int(found[2]) + 1}."
    file.write_text(text.replace(old, new))
    print(f"(edited conduit/__init__.py: version {old}0 is {new}0 now)\n", flush=True)


def goodbye() -> None:
    url = status()["url"]
    with urllib.request.urlopen(f"{url}/") as answer:
        assert answer.status == 200
    where = PLACE.relative_to(ROOT)
    say("It is yours now")
    print(f"""
  Open     {url}            sign in with what the seed printed above
           {url}/docs       the API

  Try      cd {where}
           ../../.venv/bin/tenfold status
           ../../.venv/bin/tenfold report last     what the drill saw, and where its page is
           ../../.venv/bin/tenfold drill kill-leader     the next one leads in about a second
           ../../.venv/bin/tenfold reverse         back to stage 100, just as live
           ../../.venv/bin/tenfold rollback        the first release serves again
           ../../.venv/bin/tenfold psql            look into its database
           ../../.venv/bin/tenfold logs -f edge    then click around
           kill -9 any pid that status --units shows, and look again

  Stop     make demo-stop                          the data stays; --delete-data removes it
""")


def stop() -> int:
    if not (PLACE / "tenfold.toml").exists():
        print("the demo was never started")
        return 0
    return subprocess.run([*TENFOLD, "down"], cwd=PLACE, check=False).returncode


def status() -> dict[str, object]:
    said = subprocess.run(
        [*TENFOLD, "status", "--json"], cwd=PLACE, check=True, capture_output=True, text=True
    )
    found: dict[str, object] = json.loads(said.stdout)
    return found


def tenfold(*arguments: str, fine: tuple[int, ...] = (0,)) -> None:
    """Run a command as a user would, shown as a user would type it."""
    print(f"$ tenfold {' '.join(arguments)}", flush=True)
    if subprocess.run([*TENFOLD, *arguments], cwd=PLACE, check=False).returncode not in fine:
        sys.exit(1)


def port() -> int:
    """8000, or a free one where that is taken."""
    for candidate in (8000, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("no free port on 127.0.0.1")


def say(headline: str) -> None:
    print(f"\n── {headline} {'─' * max(0, 76 - len(headline))}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
