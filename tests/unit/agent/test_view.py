from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.agent.view import Closed, Entry, Mount, needed_view

USER, GROUP = 1000, 1000


def tree(**modes: int | str | Entry) -> dict[str, Entry]:
    """``root__app=0o700`` is the directory ``/root/app``; a text is where a link points."""
    found = {"/": Entry(stat.S_IFDIR | 0o755, 0, 0)}
    for name, what in modes.items():
        path = "/" + name.replace("__", "/").replace("DOT", ".")
        if isinstance(what, Entry):
            found[path] = what
        elif isinstance(what, str):
            found[path] = Entry(stat.S_IFLNK | 0o777, 0, 0, what)
        else:
            found[path] = Entry(stat.S_IFDIR | what, 0, 0)
    return found


def view(files: dict[str, Entry], *paths: str) -> list[str]:
    mounts = needed_view(paths, files.get, USER, GROUP)
    return [f"{m.kind} {m.path}" + (f" -> {m.target}" if m.target else "") for m in mounts]


def test_open_places_need_nothing() -> None:
    files = tree(usr=0o755, usr__lib=0o755, srv=0o711, srv__app=0o755)
    assert view(files, "/usr/lib", "/srv/app") == []


def test_a_closed_directory_is_covered_and_what_is_needed_put_back() -> None:
    files = tree(root=0o700, root__python=0o755, root__app=0o755, root__secret=0o755)
    assert view(files, "/root/python", "/root/app") == [
        "cover /root",
        "bind /root/app",
        "bind /root/python",
    ]


def test_what_lies_deep_under_a_cover_needs_no_cover_of_its_own() -> None:
    files = tree(root=0o700, root__a=0o700, root__a__b=0o700, root__a__b__c=0o755)
    assert view(files, "/root/a/b/c") == ["cover /root", "bind /root/a/b/c"]


def test_a_tree_that_was_put_back_carries_what_is_in_it() -> None:
    files = tree(root=0o700, root__app=0o755, root__app__state=0o755)
    assert view(files, "/root/app/state", "/root/app") == ["cover /root", "bind /root/app"]


def test_a_closed_directory_in_a_tree_that_was_put_back_is_covered_in_turn() -> None:
    files = tree(root=0o700, root__app=0o755, root__app__in=0o700, root__app__in__x=0o755)
    assert view(files, "/root/app", "/root/app/in/x") == [
        "cover /root",
        "bind /root/app",
        "cover /root/app/in",
        "bind /root/app/in/x",
    ]


def test_links_on_the_way_are_made_again_where_they_were_covered() -> None:
    files = tree(root=0o700, root__now="v/1", root__v=0o755, root__v__1=0o755, opt="root/now")
    assert view(files, "/opt") == ["cover /root", "link /root/now -> v/1", "bind /root/v/1"]


def test_links_upwards_and_absolute_ones_are_followed_as_the_kernel_does() -> None:
    files = tree(a=0o755, a__up="../b", b=0o700, b__c=0o755, d="/b/c")
    assert view(files, "/a/up/c") == ["cover /b", "bind /b/c"]
    assert view(files, "/d") == ["cover /b", "bind /b/c"]


def test_links_in_a_circle_lead_nowhere() -> None:
    assert view(tree(a="b", b="a"), "/a") == []


def test_what_does_not_exist_is_left_out() -> None:
    assert view(tree(root=0o700), "/root/gone", "/gone") == ["cover /root"]


def test_owner_and_group_count_before_others() -> None:
    own = Entry(stat.S_IFDIR | 0o700, USER, 0)
    group = Entry(stat.S_IFDIR | 0o710, 0, GROUP)
    shut_out = Entry(stat.S_IFDIR | 0o701, 0, GROUP)
    files = tree(own=own, own__a=0o755, group=group, group__a=0o755, out=shut_out, out__a=0o755)
    assert view(files, "/own/a", "/group/a", "/out/a") == ["cover /out", "bind /out/a"]


def test_a_needed_place_that_is_itself_closed_is_named() -> None:
    with pytest.raises(Closed) as closed:
        view(tree(root=0o700, root__app=0o700), "/root/app")
    assert closed.value.path == "/root/app"
    unreadable = Entry(stat.S_IFREG | 0o600, 0, 0)
    with pytest.raises(Closed):
        view(tree(file=unreadable), "/file")


names = st.sampled_from(["a", "b", "c"])
modes = st.sampled_from([0o700, 0o711, 0o755])
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(st.dictionaries(paths, modes, max_size=12), st.lists(paths, max_size=4))
def test_every_needed_place_is_reached_in_the_view(
    closed: dict[str, int], needed: list[str]
) -> None:
    """Play the mounts on a model of the file system, then walk to every place as the user."""
    files = {"/": Entry(stat.S_IFDIR | 0o755, 0, 0)}
    for path in [*closed, *needed]:
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            at = "/" + "/".join(parts[:depth])
            files.setdefault(at, Entry(stat.S_IFDIR | closed.get(at, 0o755), 0, 0))
    for path in needed:
        files[path] = Entry(stat.S_IFDIR | 0o755, 0, 0)
    seen = dict(files)
    for mount in needed_view(needed, files.get, USER, GROUP):
        play(seen, files, mount)
    for path in needed:
        parts = path.strip("/").split("/")
        for depth in range(len(parts) + 1):
            entry = seen["/" + "/".join(parts[:depth])]
            assert entry.mode & 0o1, f"{path} is not reached"
        assert seen[path] == files[path], f"{path} is not the original"


def play(seen: dict[str, Entry], files: dict[str, Entry], mount: Mount) -> None:
    for path in [p for p in seen if p.startswith(mount.path + "/")]:
        del seen[path]
    passable = Entry(stat.S_IFDIR | 0o711, 0, 0)
    parts = mount.path.strip("/").split("/")
    for depth in range(1, len(parts)):
        seen.setdefault("/" + "/".join(parts[:depth]), passable)
    if mount.kind == "cover":
        seen[mount.path] = passable
    else:
        seen[mount.path] = files[mount.path]
        seen.update({p: e for p, e in files.items() if p.startswith(mount.path + "/")})
