from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support import netlify, seaweed, sshd
from tests.support.publishing import Branch, Hosted, InBucket, OverSsh, World

KINDS = ("git", "netlify", "bucket", "ssh")


@pytest.fixture(scope="session")
def s3() -> Iterator[seaweed.Seaweed]:
    with seaweed.running() as server:
        yield server


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    if sshd.SSHD is None:
        pytest.skip(sshd.WHY_NOT)
    with sshd.running(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def netlify_server() -> Iterator[netlify.Netlify]:
    with netlify.running() as server:
        yield server


Make = Callable[[str], World]


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A world of a kind."""

    def made(kind: str) -> World:
        project = tmp_path / "bakery"
        match kind:
            case "git":
                return World(project, Branch(tmp_path / "site.git"))
            case "netlify":
                return World(project, Hosted(request.getfixturevalue("netlify_server")))
            case "bucket":
                server = request.getfixturevalue("s3")
                return World(project, InBucket(server, f"a/{tmp_path.name}"))
            case _:
                server = request.getfixturevalue("ssh_server")
                return World(project, OverSsh(server, tmp_path / "srv"))

    return made


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, make: Make) -> World:
    return make(request.param)
