"""Stage 100 is the same however it was come to; what makes no sense there is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
Bring = Callable[[Any], Project]
LEFT_FROM_BEFORE = {
    # Its data directory was removed with `complete`; how it was run is kept for whoever asks.
    "app1/postgres",
}
SETTINGS = "select name, setting from pg_settings order by name"


def fresh(path: Path) -> Project:
    """The same app elsewhere; its path is as long, since sockets move away from long ones."""
    return apps.diary(path)


def rendered(project: Project) -> dict[str, str]:
    """Every rendered file of every host, without what differs between any two deployments: folder,
    addresses, the edge's port, passwords, the release, how many generations of workers there were.
    """
    found: dict[str, str] = {}
    names = {"vm1": "app1"}
    for host in (project.path / ".tenfold" / "hosts").iterdir():
        if not (host / "host.json").exists():
            continue
        address = json.loads((host / "host.json").read_text())["address"]
        for file in (host / "config").rglob("*"):
            if not file.is_file():
                continue
            name = f"{names.get(host.name, host.name)}/{file.relative_to(host / 'config')}"
            text = file.read_text().replace(str(project.path), "PROJECT")
            text = text.replace("hosts/vm1", "hosts/app1").replace(address, "OWN")
            text = re.sub(r"127\.\d+\.\d+\.\d+", "ADDRESS", text)
            text = re.sub(r"tenfold-\d+-[0-9a-f]{12}", "RUN", text)
            text = re.sub(r"app\.\d+\.", "app.N.", text)
            text = re.sub(r" +#", " #", text)  # comments stand behind what is as long as an address
            text = re.sub(r'"release": "[0-9a-f]+"', '"release": "R"', text)
            text = re.sub(r"(?m)^([^#:]*:\d+:\*:[^:]+:).+$", r"\1PASSWORD", text)
            found[re.sub(r"app\.\d+\.", "app.N.", name)] = text.replace(str(project.port), "PORT")
    return {n: t for n, t in found.items() if n.rpartition("/")[0] not in LEFT_FROM_BEFORE}


def settings(project: Project) -> dict[str, str]:
    """Every setting of the running database, without what names places of this deployment."""
    said = project.ok("psql", "--as", "superuser", "--", "-AtF=", "-c", SETTINGS)
    pairs = (line.partition("=") for line in said.splitlines())
    return {name: placeless(value, project) for name, _, value in pairs}


def placeless(value: str, project: Project) -> str:
    """Without folder, run directory and address, which no two deployments on a machine share."""
    value = value.replace(str(project.path), "PROJECT")
    value = re.sub(r"tenfold-\d+-[0-9a-f]{12}", "RUN", value)
    return re.sub(r"127\.\d+\.\d+\.\d+", "ADDRESS", value)


def topology(project: Project) -> dict[str, Any]:
    """What is observed: hosts, where they are, what runs there and how it is reached."""
    hosts = project.status()["hosts"]
    names = {h["address"]: h["name"] for h in hosts}
    return {
        h["name"]: {
            **{key: h[key] for key in ("target", "region", "zone")},
            "units": [(*member(u), endpoint(u, names, project)) for u in h["units"]],
        }
        for h in hosts
    }


def member(unit: dict[str, Any]) -> tuple[str, ...]:
    """A growing app has warmed more generations of workers; how many it has is the same."""
    name = re.sub(r"^app\.\d+\.", "app.N.", unit["name"])
    return name, unit["engine"], unit["state"], str(unit.get("restarts", 0))


def endpoint(unit: dict[str, Any], names: dict[str, str], project: Project) -> str | None:
    """Hosts are named in place of their addresses; the edge's port is the test's own choice."""
    if unit["endpoint"] is None:
        return None
    address, _, port = unit["endpoint"].rpartition(":")
    port = "PORT" if port == str(project.port) else port
    return f"{names.get(address, address)}:{port}"


def different(one: dict[str, str], other: dict[str, str]) -> dict[str, tuple[str | None, ...]]:
    names = sorted({*one, *other})
    return {n: (one.get(n), other.get(n)) for n in names if one.get(n) != other.get(n)}


def test_fresh_is_grown(bring: Bring) -> None:
    grown = bring(apps.diary)
    grown.up()
    grown.ok("grow", "--to", "100", timeout=200)
    grown.ok("complete", "--yes", timeout=200)
    begun = bring(fresh)
    begun.ok("up", "-d", "--stage", "100", "--port", str(begun.port))
    assert topology(grown) == topology(begun)
    assert different(settings(grown), settings(begun)) == {}
    one, other = rendered(grown), rendered(begun)
    assert sorted(one) == sorted(other)
    for name, text in one.items():
        assert text.splitlines() == other[name].splitlines(), name


def test_what_makes_no_sense_is_refused_with_the_reason(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    for command, words in (
        (("resume",), "no move between stages is under way"),
        (("reverse",), "no move between stages is under way"),
        (("abort",), "no move between stages is under way"),
        (("complete", "--yes"), "no move between stages is under way"),
        (("grow", "--to", "10"), "it is at stage 10 already"),
        (("grow", "--to", "1k"), "leads over 100, one move at a time"),
        (("grow", "--to", "10k"), "later version"),
        (("up", "--stage", "100"), "runs already"),
    ):
        done = project.tenfold(*command)
        assert done.returncode in (1, 2), command
        assert words in done.stderr, (command, done.stderr)
    project.tenfold("plan", "--to", "100", "-o", "move.json")
    project.ok("grow", "move.json", timeout=200)
    twice = project.tenfold("grow", "move.json")
    assert "made already" in twice.stderr, twice.stderr
    given_up = project.tenfold("abort")
    assert "made already" in given_up.stderr, given_up.stderr
    project.ok("complete", "--yes", timeout=200)
    late = project.tenfold("reverse")
    assert late.returncode == 1
    assert "complete took the way back to stage 10 away" in late.stderr, late.stderr
    assert "tenfold shrink --to 10    moves there anew" in late.stderr, late.stderr
    for command in ("reverse", "resume", "abort"):
        refused = project.tenfold(command)
        assert "nothing; writes go to db1/postgres" in refused.stderr, refused.stderr
    assert project.get("/notes").status == 200
    project.ok("down")
    elsewhere = project.tenfold("up", "-d", "--stage", "10", "--port", str(project.port))
    assert "it is at stage 100" in elsewhere.stderr, elsewhere.stderr


def test_two_at_once_are_one_after_the_other(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    first = project.start("grow", "--to", "100")
    try:
        while not project.status()["transition"]:
            assert first.poll() is None
        second = project.tenfold("grow", "--to", "100")
        assert second.returncode == 1
        assert "at work" in second.stderr, second.stderr
    finally:
        said, _ = first.communicate(timeout=200)
    assert first.returncode == 0, said
