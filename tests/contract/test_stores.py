"""One suite for every place of backups: a directory, and a bucket of a real S3 server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import seaweed
from tests.support.ports import free_port

from tenfold.backups.config import Destination
from tenfold.backups.faults import Fault
from tenfold.backups.store import Entry, Store, open_store

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def s3() -> Iterator[seaweed.Seaweed]:
    with seaweed.running() as server:
        yield server


@pytest.fixture(params=["directory", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "directory":
        return open_store(Destination(str(tmp_path)))
    server: seaweed.Seaweed = request.getfixturevalue("s3")
    return open_store(server.destination(f"a/{tmp_path.name}"))


def test_what_was_put_is_there(store: Store) -> None:
    content = os.urandom(3_000_000)
    assert store.put("wal/one", content)
    assert store.get("wal/one") == content
    assert list(store.list("wal/")) == [Entry("wal/one", len(content))]


def test_what_is_there_is_replaced_on_request_alone(store: Store) -> None:
    assert store.put("one", b"first")
    assert not store.put("one", b"second")
    assert store.get("one") == b"first"
    assert store.put("one", b"third", replace=True)
    assert store.get("one") == b"third"


def test_what_is_not_there_is_missing_and_nothing_else(store: Store) -> None:
    with pytest.raises(Fault) as fault:
        store.get("wal/none")
    assert fault.value.kind == "missing"
    assert list(store.list("never/")) == []
    assert store.folders("never/") == ()
    store.delete(["never/there"])


def test_folders_and_their_objects_are_told_apart(store: Store) -> None:
    for name in ("a/one", "a/b/two", "a/bc/three", "ab/four"):
        store.put(name, name.encode())
    assert store.folders("") == ("a", "ab")
    assert store.folders("a/") == ("b", "bc")
    assert {e.name for e in store.list("a/")} == {"a/one", "a/b/two", "a/bc/three"}
    assert {e.name for e in store.list("a/b/")} == {"a/b/two"}
    store.delete(["a/one", "a/b/two"])
    assert {e.name for e in store.list("")} == {"a/bc/three", "ab/four"}


def test_more_objects_than_a_server_lists_at_once(store: Store) -> None:
    names = {f"wal/{n:05}" for n in range(1100)}
    for name in names:
        store.put(name, b"x", replace=True)
    assert {e.name for e in store.list("wal/")} == names


def test_nobody_at_the_address(s3: seaweed.Seaweed) -> None:
    nobody = open_store(s3.destination(endpoint=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(Fault) as fault:
        nobody.put("one", b"1")
    assert fault.value.kind == "unreachable"
    assert "connection refused" in fault.value.what


@pytest.mark.parametrize("key", ["access_key", "secret_key"])
def test_wrong_credentials(s3: seaweed.Seaweed, key: str) -> None:
    wrong = open_store(s3.destination(**{key: "wrong-and-hidden"}))
    for doing in (
        lambda: wrong.put("one", b"1"),
        lambda: wrong.get("one"),
        lambda: wrong.folders(""),
    ):
        with pytest.raises(Fault) as fault:
            doing()
        assert fault.value.kind == "refused"
        assert "hidden" not in fault.value.what + fault.value.next


def test_a_bucket_that_is_not_there(s3: seaweed.Seaweed) -> None:
    nowhere = open_store(Destination(**{**_told(s3.destination()), "to": "s3://nobodys-bucket/x"}))
    with pytest.raises(Fault, match="no such bucket") as fault:
        nowhere.get("one")
    assert fault.value.kind == "refused"


def test_a_full_server_says_so() -> None:
    with seaweed.running(most_volumes=8, volume_megabytes=1) as small:
        store = open_store(small.destination())
        with pytest.raises(Fault) as fault:
            _fill(store)
        # SeaweedFS says 500 and no more; others say what it is.
        assert fault.value.kind in ("full", "unreachable")
        assert "500" in fault.value.what
        assert "its disk may be full" in fault.value.what
        assert store.get("part/0"), "what is there can be read"


def _fill(store: Store) -> None:
    for number in range(40):
        store.put(f"part/{number}", os.urandom(1 << 20))


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    store = open_store(Destination(str(tmp_path)))
    limit = _file_size_limit(1 << 16)
    try:
        with pytest.raises(Fault) as fault:
            store.put("two", os.urandom(1 << 20))
    finally:
        _file_size_limit(limit)
    assert fault.value.kind == "full"
    assert list(tmp_path.iterdir()) == [], "nothing half-written is left"


def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(Fault) as fault:
        open_store(Destination(str(tmp_path))).put("one", b"1")
    assert fault.value.kind == "refused"


def _file_size_limit(most: int) -> int:
    """As a quota does, the kernel refuses what is longer; gives the limit before."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    return before


def _told(destination: Destination) -> dict[str, str]:
    return {name: getattr(destination, name) for name in destination.__dataclass_fields__}
