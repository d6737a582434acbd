"""``tenfold publish`` as people and programs call it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest
from tests.support.publishing import HEAD, SITE, World

from tenfold.state.lock import Lock

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120), pytest.mark.few(4)]


@pytest.fixture
def world(make: Callable[[str], World]) -> World:
    return make("git")


def test_a_dry_run_lists_what_would_change_and_changes_nothing(world: World) -> None:
    done = world.tenfold("publish", "--dry-run")
    assert done.returncode == 2
    assert "+   about/index.html" in done.stdout
    assert done.stdout.endswith("Next   tenfold publish\n")
    assert world.there.served() == {}
    world.publish()
    done = world.tenfold("publish", "--dry-run")
    assert done.returncode == 0
    assert "nothing would change" in done.stdout


def test_programs_get_lines_of_json(world: World) -> None:
    done = world.tenfold("publish", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line["version"] == 1 for line in told)
    assert told[-1]["event"] == "published"
    assert told[-1]["new"] == len(SITE) + 1
    id_ = told[-1]["publication"]["id"]
    world.fill({"index.html": b"new"})
    planned = json.loads(world.tenfold("publish", "--dry-run", "--json").stdout.splitlines()[-1])
    assert (planned["changed"], planned["same"]) == (["index.html"], len(SITE))
    world.tenfold("publish")
    listed = json.loads(world.tenfold("publish", "--list", "--json").stdout)
    assert [one["id"] for one in listed["kept"]] == [id_]
    back = json.loads(world.tenfold("publish", "--back", "--json").stdout.splitlines()[-1])
    assert (back["event"], back["publication"]["id"]) == ("put back", id_)
    assert world.there.served() == SITE


def test_a_failure_says_what_changed_and_what_next(world: World) -> None:
    done = world.tenfold("publish", "--from", "nowhere")
    assert done.returncode == 2
    assert "there is no folder nowhere" in done.stderr
    (world.folder / ".env").write_text("SECRET=1")
    done = world.tenfold("publish")
    assert done.returncode == 1
    assert ".env: is no part of a site" in done.stderr
    assert "What changed    nothing" in done.stderr


def test_without_the_table_it_says_what_to_write(world: World) -> None:
    (world.project / "tenfold.toml").write_text(HEAD)
    done = world.tenfold("publish")
    assert done.returncode == 2
    assert "there is no [publish]" in done.stderr


def test_another_folder_and_another_environment(world: World) -> None:
    text = (world.project / "tenfold.toml").read_text()
    more = '[environments.staging.publish]\nbranch = "staging"\n'
    (world.project / "tenfold.toml").write_text(f"{text}\n{more}")
    world.folder.rename(world.project / "public")
    assert world.tenfold("--env", "staging", "publish", "--from", "public").returncode == 0
    assert world.there.served() == {}, "the other branch"
    assert world.tenfold("publish", "--from", "public").returncode == 0
    assert world.there.served() == SITE


def test_two_at_once_from_here(world: World) -> None:
    with world.place():
        done = world.tenfold("publish")
    assert done.returncode == 1
    assert "publish is at work since" in done.stderr
    assert Lock(world.layout.publishing / "lock").holder() is None


def test_it_is_recorded_unless_it_only_looked(world: World) -> None:
    world.tenfold("publish", "--dry-run")
    world.tenfold("publish", "--list")
    world.tenfold("publish", "--verbose")
    told = [json.loads(line) for line in world.tenfold("audit", "--json").stdout.splitlines()]
    assert [one["arguments"] for one in told if one.get("command")] == [["publish", "--verbose"]]


def test_a_workflow_file_for_the_branch_that_one_is_on(world: World) -> None:
    world.say(table='to = "github:anna/bakery"\nfrom = "public"')
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(world.project)], check=True)
    done = world.tenfold("publish", "--workflow")
    assert done.returncode == 0, done.stderr
    for line in ('    branches: ["trunk"]', '          path: "public"', "  id-token: write"):
        assert line in done.stdout.splitlines()
    world.say()
    done = world.tenfold("publish", "--workflow")
    assert done.returncode == 2
    assert "names no repository there" in done.stderr


def test_what_excludes_each_other(world: World) -> None:
    done = world.tenfold("publish", "--list", "--back")
    assert done.returncode == 2
    assert "--list and --back exclude each other" in done.stderr


@pytest.mark.sampled(0)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["git", "ssh", "netlify", "bucket"])
def test_ten_thousand_files(kind: str, make: Callable[[str], World]) -> None:
    world = make(kind)
    world.fill({f"p{n % 100}/{n}.html": f"page {n}".encode() for n in range(10_000)})
    assert world.tenfold("publish").returncode == 0
    world.fill({"p7/7.html": b"another page"})
    done = world.tenfold("publish", "--json")
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["sent_files"], told["sent_bytes"]) == (1, 12)
    assert world.tenfold("publish", "--dry-run").returncode == 0
