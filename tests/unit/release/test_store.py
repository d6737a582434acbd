from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tenfold.errors import ReleaseError
from tenfold.release import assets
from tenfold.release.environment import RECORD_NAME, Environment
from tenfold.release.record import Provenance, Release, from_json, to_json
from tenfold.release.store import Served, Store, rollback_target

from .conftest import write


@pytest.fixture
def store(state: Path) -> Store:
    store = Store(state)
    store.make()
    return store


Add = Callable[..., Release]


@pytest.fixture
def add(store: Store) -> Add:
    """Puts a small release into the store; ``at`` is when it was built."""

    def put(id: str, at: float, environment: str = "e1") -> Release:
        folder = store.releases_dir / id
        write(folder, {"app/main.py": id})
        write(store.envs, {f"{environment}/{RECORD_NAME}": "{}"})
        release = Release(
            id=id,
            directory=folder,
            digest=f"digest of {id}",
            provenance=Provenance("git", "c" * 40, 1, 0, "commit ccccccc and 1 changed file"),
            environment=Environment(
                "snapshot", environment, "/x", f"{store.envs}/{environment}/bin/python", "3.12",
                (("a", "1"),),
            ),
            paths=("app/src", "extra/0-lib"),
            assets=(("/static", "static"),),
            built_at=at,
            build_seconds=1.5,
            files=1,
            bytes=len(id),
            notes=("one", "two"),
        )  # fmt: skip
        (folder / "release.json").write_text(to_json(release))
        return release

    return put


def ids(store: Store) -> list[str]:
    return [release.id for release in store.releases()]


def test_a_record_is_read_as_it_was_written(add: Add, store: Store) -> None:
    release = add("r1", 1)
    assert store.get("r1") == release
    assert from_json(to_json(release), release.directory) == release
    assert store.get("r2") is None


def test_the_newest_comes_first_and_partials_do_not_count(add: Add, store: Store) -> None:
    for id, at in (("b", 2), ("a", 1), ("c", 3)):
        add(id, at)
    add("x.partial", 9)
    assert ids(store) == ["c", "b", "a"]


def test_a_release_that_lost_a_file_is_not_whole(add: Add, store: Store) -> None:
    release = add("r1", 1)
    assert store.is_whole(release)
    (release.app / "main.py").write_text("")
    assert not store.is_whole(release)
    (release.app / "main.py").unlink()
    assert not store.is_whole(release)


class TestHistory:
    def test_which_release_served_when(self, store: Store) -> None:
        assert (store.current(), store.previous()) == (None, None)
        for id, at in (("a", 1.0), ("a", 2.0), ("b", 3.0), ("c", 4.0), ("b", 5.0)):
            store.record_served(id, at)
        assert store.history() == (
            Served("a", 1.0), Served("b", 3.0), Served("c", 4.0), Served("b", 5.0)
        )  # fmt: skip
        assert (store.current(), store.previous()) == ("b", "c")

    def test_it_is_one_line_for_each_change(self, store: Store, state: Path) -> None:
        store.record_served("a", 1.0)
        store.record_served("b", 2.5)
        lines = (state / "served.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [
            {"release": "a", "at": 1.0},
            {"release": "b", "at": 2.5},
        ]

    def test_one_release_alone_has_nothing_before_it(self, store: Store) -> None:
        store.record_served("a", 1.0)
        assert store.previous() is None


class TestPrune:
    def test_the_newest_and_those_that_serve_stay(self, add: Add, store: Store) -> None:
        for number in range(8):
            add(f"r{number}", number, f"e{number}")
        store.record_served("r0", 1)
        store.record_served("r1", 2)
        assert store.prune(keep=2, in_use=["r3"]) == ("r2", "r4", "r5")
        assert ids(store) == ["r7", "r6", "r3", "r1", "r0"]
        assert sorted(path.name for path in store.envs.iterdir()) == [
            "e0", "e1", "e3", "e6", "e7"
        ]  # fmt: skip

    def test_a_shared_environment_stays_with_the_last_that_needs_it(
        self, add: Add, store: Store
    ) -> None:
        add("old", 1, "shared")
        add("new", 2, "shared")
        assert store.prune(keep=1) == ("old",)
        assert [path.name for path in store.envs.iterdir()] == ["shared"]

    def test_what_another_build_is_making_stays(self, add: Add, store: Store) -> None:
        add("r1", 1)
        write(store.envs, {"x.partial/bin/python": ""})
        write(store.releases_dir, {"y.partial/app/x": ""})
        store.prune()
        assert (store.envs / "x.partial").exists()
        assert (store.releases_dir / "y.partial").exists()

    def test_a_damaged_release_goes_unless_it_serves(self, add: Add, store: Store) -> None:
        for id in ("r1", "r2"):
            add(id, 1)
            (store.releases_dir / id / "release.json").write_text("{")
        store.record_served("r1", 1)
        assert store.prune() == ("r2",)
        assert (store.releases_dir / "r1").exists()

    def test_what_has_no_record_is_not_ours(self, add: Add, store: Store) -> None:
        add("r1", 1)
        write(store.releases_dir, {"notes/a.md": "mine", "file": "mine"})
        write(store.envs, {"old/b": "mine"})
        assert store.prune(keep=0) == ("r1",)
        assert [path.name for path in store.releases_dir.glob("*/*")] == ["a.md"]
        assert (store.releases_dir / "file").exists()
        assert [path.name for path in store.envs.iterdir()] == ["old"]

    def test_a_link_among_releases_is_left_with_what_it_leads_to(
        self, add: Add, store: Store, tmp_path: Path
    ) -> None:
        write(tmp_path, {"docs/release.json": "{}", "docs/a.md": "mine"})
        (store.releases_dir / "old").symlink_to(tmp_path / "docs")
        assert store.prune(keep=0) == ()
        assert (tmp_path / "docs/a.md").exists()

    @pytest.mark.parametrize("linked", ["releases", "envs"])
    def test_a_project_that_links_the_store_to_its_documents(
        self, state: Path, tmp_path: Path, linked: str
    ) -> None:
        """As a cloned repository may come with it."""
        record = {"releases": "release.json", "envs": RECORD_NAME}[linked]
        partial = "0123456789ab.partial"
        write(tmp_path, {f"docs/guide/{record}": "{}", "docs/a.md": "", f"docs/{partial}/b": ""})
        (state / linked).symlink_to(tmp_path / "docs")
        store = Store(state)
        store.make()
        with pytest.raises(ReleaseError, match=f"{linked} is a link to .*/docs") as caught:
            store.prune(keep=0)
        assert caught.value.next == f"remove the link: rm {state}/{linked}"
        with pytest.raises(ReleaseError, match="is a link"), store.building():
            raise AssertionError("built through a link")
        assert (tmp_path / "docs/guide" / record).exists()
        assert (tmp_path / "docs" / partial / "b").exists()

    def test_an_empty_store(self, store: Store) -> None:
        assert store.prune() == ()


class TestRollback:
    def test_it_goes_to_the_last_release_that_served(self, add: Add, store: Store) -> None:
        for number in (1, 2, 3):
            add(f"r{number}", number)
        store.record_served("r1", 1)
        store.record_served("r2", 2)
        assert rollback_target(store).id == "r1"
        store.record_served("r1", 3)
        assert rollback_target(store).id == "r2"

    def test_there_may_be_none(self, add: Add, store: Store) -> None:
        add("r1", 1)
        store.record_served("r1", 1)
        with pytest.raises(ReleaseError, match="there is no earlier release"):
            rollback_target(store)

    def test_it_may_be_incomplete(self, add: Add, store: Store) -> None:
        (add("r1", 1).app / "main.py").unlink()
        add("r2", 2)
        store.record_served("r1", 1)
        store.record_served("r2", 2)
        with pytest.raises(ReleaseError, match=r"release r1 in .* is incomplete"):
            rollback_target(store)


class TestAssets:
    def links(self, folder: Path) -> dict[str, str]:
        return {path.name: str(path.resolve().parent.name) for path in folder.iterdir()}

    def test_current_and_previous_follow_what_serves(self, add: Add, tmp_path: Path) -> None:
        one, two, place = add("one", 1), add("two", 2), tmp_path / "host/assets"
        assets.publish(one, place)
        assert self.links(place) == {"current": "one"}
        assets.publish(two, place)
        assert self.links(place) == {"current": "two", "previous": "one"}
        assets.publish(two, place)
        assert self.links(place) == {"current": "two", "previous": "one"}
        assets.publish(one, place)
        assert self.links(place) == {"current": "one", "previous": "two"}
        assert (place / "current/main.py").read_text() == "one"

    def test_current_is_there_at_every_moment(
        self, add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Interrupted between the two links, both lead to the old release."""
        one, two, place = add("one", 1), add("two", 2), tmp_path / "assets"
        assets.publish(one, place)
        real = assets.point

        def interrupted(link: Path, target: str) -> None:
            real(link, target)
            raise KeyboardInterrupt

        monkeypatch.setattr(assets, "point", interrupted)
        with pytest.raises(KeyboardInterrupt):
            assets.publish(two, place)
        assert self.links(place) == {"current": "one", "previous": "one"}
        monkeypatch.undo()
        assets.publish(two, place)
        assert self.links(place) == {"current": "two", "previous": "one"}


def test_the_record_is_plain_json(add: Add) -> None:
    record = json.loads((add("r1", 1).directory / "release.json").read_text())
    assert record["id"] == "r1"
    assert record["provenance"]["changed"] == 1
