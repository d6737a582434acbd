"""What travels, and in which order: whatever names a file comes after it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenfold.publishing.kinds import is_page
from tenfold.publishing.model import Changes
from tenfold.publishing.order import difference, stages, to_delete, to_write

PATHS = st.sampled_from([
    f"{folder}{name}"
    for folder in ("", "a/", "a/b/")
    for name in ("index.html", "x.png", "x.css", "x.js", "feed.xml", "robots.txt", "data", "y.svg")
])  # fmt: skip
MANIFESTS = st.dictionaries(PATHS, st.sampled_from(["one", "two", "three"]))


@given(MANIFESTS, MANIFESTS)
def test_carrying_out_the_difference_gives_what_is_wanted(
    now: dict[str, str], wanted: dict[str, str]
) -> None:
    changes = difference(now, wanted)
    served = dict(now)
    for path in to_write(changes):
        served[path] = wanted[path]
    for path in to_delete(changes):
        del served[path]
    assert served == wanted
    assert changes.same == len([path for path in now if wanted.get(path) == now[path]])
    assert not difference(wanted, wanted)


@given(MANIFESTS, MANIFESTS)
def test_broken_off_anywhere_the_rest_of_the_work_is_what_is_left(
    now: dict[str, str], wanted: dict[str, str]
) -> None:
    changes = difference(now, wanted)
    served = dict(now)
    work = [(p, True) for p in to_write(changes)] + [(p, False) for p in to_delete(changes)]
    for number, (path, write) in enumerate(work):
        rest = difference(served, wanted)
        left = [(p, True) for p in to_write(rest)] + [(p, False) for p in to_delete(rest)]
        assert sorted(left) == sorted(work[number:])
        if write:
            served[path] = wanted[path]
        else:
            del served[path]


@given(MANIFESTS, MANIFESTS)
def test_no_page_is_there_before_its_files_nor_are_they_gone_before_it(
    now: dict[str, str], wanted: dict[str, str]
) -> None:
    changes = difference(now, wanted)
    written, deleted = to_write(changes), to_delete(changes)
    first_page = next((n for n, path in enumerate(written) if is_page(path)), len(written))
    assert all(is_page(p) or p.endswith((".xml", ".txt")) for p in written[first_page:])
    last_page = max((n for n, path in enumerate(deleted) if is_page(path)), default=0)
    assert all(is_page(p) or p.endswith((".xml", ".txt")) for p in deleted[:last_page])


def test_pages_that_are_new_come_before_those_that_may_name_them() -> None:
    changes = Changes(new=("z.html", "a.png"), changed=("a.html", "feed.xml", "x.css"))
    assert to_write(changes) == ("a.png", "x.css", "z.html", "a.html", "feed.xml")


@given(MANIFESTS, MANIFESTS)
def test_groups_are_in_the_same_order(now: dict[str, str], wanted: dict[str, str]) -> None:
    changes = difference(now, wanted)
    groups = stages(to_write(changes), changes.new)
    assert [path for group in groups for path in group] == list(to_write(changes))
    assert all(groups)
