"""A branch: what hosts of repositories refuse, who else commits, and who gets to see the token."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support import argv, git_http, sshd
from tests.support.ports import free_port
from tests.support.publishing import SITE, Branch, World

from tenfold.errors import PublishError, Refused, SpecError

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120), pytest.mark.few(8)]


@pytest.fixture
def world(make: Callable[[str], World]) -> World:
    return make("git")


def branch(world: World) -> Branch:
    assert isinstance(world.there, Branch)
    return world.there


def test_pages_serve_the_files_as_they_are_under_the_site_s_name(world: World) -> None:
    world.say('[edge]\ndomain = "bakery.example"\n')
    world.publish()
    names = branch(world).git("ls-tree", "--name-only", "gh-pages").decode().split()
    assert {".nojekyll", "CNAME"} <= set(names)
    assert branch(world).git("show", "gh-pages:CNAME") == b"bakery.example\n"
    world.fill({"CNAME": b"own.example\n"})
    world.publish()
    assert branch(world).git("show", "gh-pages:CNAME") == b"own.example\n"


def test_nothing_tells_what_this_machine_or_its_user_is_called(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    for name, value in {"HOME": str(tmp_path / "home"), "GIT_CONFIG_NOSYSTEM": "1"}.items():
        world.there = _with(branch(world), name, value)
    world.publish()
    told = branch(world).git("log", "-1", "--format=%an <%ae> %cn <%ce>", "gh-pages").decode()
    assert told.strip() == "Tenfold <tenfold@localhost> Tenfold <tenfold@localhost>"


@dataclass
class Elsewhere(Branch):
    more: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """The repository is there already."""

    @property
    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in super().environ.items() if not k.startswith("GIT_")}
        return {**kept, **dict(self.more)}


def _with(there: Branch, name: str, value: str) -> Branch:
    before = there.more if isinstance(there, Elsewhere) else ()
    return Elsewhere(there.folder, more=(*before, (name, value)))


def test_a_remote_that_rejects_the_push(world: World) -> None:
    world.publish()
    hook = branch(world).folder / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no site on Fridays' >&2\nexit 1\n")
    hook.chmod(0o755)
    world.fill({"index.html": b"new"})
    with pytest.raises(PublishError, match="the remote refuses the push") as caught:
        world.publish()
    assert caught.value.detail is not None
    assert "no site on Fridays" in caught.value.detail
    assert caught.value.changed == "nothing: what was published before is served"
    assert world.there.served() == SITE
    hook.unlink()
    world.publish()
    assert world.there.served() == world.files()


def test_a_commit_of_somebody_else_is_never_published_over_unasked(world: World) -> None:
    world.publish()
    theirs = branch(world).commit("hand.html", b"made by hand")
    with pytest.raises(Refused, match="a commit that Tenfold did not make") as caught:
        world.publish()
    assert "Somebody Else: by hand" in caught.value.what
    assert "--take-over" in str(caught.value.next)
    with pytest.raises(Refused, match="did not make"):
        world.back()
    assert "hand.html" in world.there.served()
    world.publish(take_over=True)
    assert world.there.served() == SITE
    log = branch(world).git("log", "--format=%H", "gh-pages").decode()
    assert theirs in log, "their commit is in the history"


def test_a_branch_with_the_sources_is_not_taken_for_a_site(world: World) -> None:
    branch(world).commit("main.py", b"print()")
    with pytest.raises(Refused, match="a commit that Tenfold did not make"):
        world.publish()
    done = world.tenfold("publish", "--dry-run")
    assert done.returncode == 2
    assert "tenfold publish --take-over" in done.stdout


def test_a_push_whose_answer_is_lost_is_looked_for(world: World) -> None:
    """A hook that runs when the branch has moved already, and makes git fail at the end."""
    world.publish()
    hook = branch(world).folder / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    world.fill({"index.html": b"new"})
    world.publish()
    assert world.there.served() == world.files()


def test_there_is_no_such_repository(world: World, tmp_path: Path) -> None:
    world.say(table=f'to = "git+file://{tmp_path}/none.git"')
    with pytest.raises(PublishError, match="there is no such repository"):
        world.publish()


def test_a_remote_that_sends_everything_does_too(world: World) -> None:
    branch(world).git("config", "uploadpack.allowFilter", "false")
    world.publish()
    world.fill({"index.html": b"new"})
    assert world.publish().sent.files == 1
    assert world.there.served() == world.files()


def test_a_history_that_was_rewritten_is_seen(world: World) -> None:
    world.publish()
    world.fill({"index.html": b"second"})
    world.publish()
    branch(world).git("update-ref", "refs/heads/gh-pages", "gh-pages~1")
    assert world.plan().changes.changed == ("index.html",)
    world.publish()
    assert world.there.served() == world.files()


def test_a_cache_that_is_damaged_is_made_anew(world: World) -> None:
    world.publish()
    (cache,) = world.layout.publishing.glob("git-*")
    (cache / "HEAD").write_text("nonsense")
    world.fill({"index.html": b"new"})
    world.publish()
    assert world.there.served() == world.files()


def test_what_the_cache_lost_is_fetched_anew(world: World) -> None:
    world.publish()
    (cache,) = world.layout.publishing.glob("git-*")
    shutil.rmtree(cache / "objects")
    (cache / "objects").mkdir()
    world.fill({"index.html": b"new"})
    world.publish()
    assert world.there.served() == world.files()


def test_over_ssh_with_the_keys_that_one_has(world: World, ssh_server: sshd.Sshd) -> None:
    there = _with(branch(world), "PATH", ssh_server.environ["PATH"])
    world.there = there
    to = ssh_server.url(there.folder)
    world.say(table=f'to = "git+{to}"')
    world.publish()
    world.fill({"index.html": b"new"})
    assert world.publish().sent.files == 1
    assert world.there.served() == world.files()
    ssh_server.trust("other")
    try:
        with pytest.raises(PublishError, match="the host's key is not the one in known_hosts"):
            world.publish()
    finally:
        ssh_server.trust("host")


class TestToken:
    """Over https a token says who we are; nobody else gets to see it."""

    @pytest.fixture
    def server(self, world: World) -> Iterator[git_http.GitServer]:
        branch(world).git("config", "http.receivepack", "true")
        with git_http.running(branch(world).folder.parent) as server:
            world.say(table=self.table(server))
            yield server

    def table(self, server: git_http.GitServer, token: str = 'token = "${T}"') -> str:
        return f'to = "git+{server.url}/site.git"\n{token}'

    @pytest.mark.usefixtures("server")
    def test_it_opens_the_repository_and_is_in_no_argument_and_no_file(self, world: World) -> None:
        with argv.watched(git_http.TOKEN) as seen:
            done = world.tenfold("publish", "--verbose", T=git_http.TOKEN)
        assert done.returncode == 0, done.stderr
        assert world.there.served() == SITE
        assert seen == []
        assert git_http.TOKEN not in done.stdout + done.stderr
        for path in world.layout.state.rglob("*"):
            if path.is_file():
                assert git_http.TOKEN.encode() not in path.read_bytes(), path

    @pytest.mark.usefixtures("server")
    def test_a_wrong_one(self, world: World) -> None:
        with argv.watched("wrong-and-hidden") as seen:
            done = world.tenfold("publish", T="wrong-and-hidden")
        assert done.returncode == 1
        assert "the host refuses the token" in done.stderr
        assert "wrong-and-hidden" not in done.stdout + done.stderr
        assert seen == []

    def test_none(self, world: World, server: git_http.GitServer) -> None:
        done = world.tenfold("publish")
        assert done.returncode == SpecError.exit_code
        assert "${T} is not set" in done.stderr
        world.say(table=self.table(server, ""))
        done = world.tenfold("publish")
        assert done.returncode == 1
        assert "the host asks who we are, and there is no token" in done.stderr

    def test_it_is_kept_by_tenfold_secrets(self, world: World, server: git_http.GitServer) -> None:
        kept = subprocess.run(
            [*_tenfold(world), "secrets", "set", "T"],
            input=git_http.TOKEN,
            text=True,
            capture_output=True,
            cwd=world.project,
            check=False,
        )
        assert kept.returncode == 0, kept.stderr
        assert world.tenfold("publish").returncode == 0
        assert world.there.served() == SITE

    def test_it_is_not_sent_where_a_redirect_leads(
        self, world: World, server: git_http.GitServer
    ) -> None:
        with git_http.running(branch(world).folder.parent) as other:
            server.leads = other.url
            done = world.tenfold("publish", T=git_http.TOKEN)
            assert done.returncode == 1
            assert other.came == [], "nobody came there"

    def test_nobody_at_the_address(self, world: World) -> None:
        world.say(table=f'to = "git+http://127.0.0.1:{free_port()}/site.git"\ntoken = "${{T}}"')
        done = world.tenfold("publish", T="x")
        assert done.returncode == 1
        assert "it cannot be reached" in done.stderr


def _tenfold(world: World) -> list[str]:
    import sys

    return [sys.executable, "-m", "tenfold", "--dir", str(world.project)]
